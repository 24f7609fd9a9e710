/** The contract over the real libc of this runtime. */
import { mkdtempSync } from "node:fs";
import { libc } from "#ffi";
import { temporaryDirectory } from "../support/temporary.ts";
import { libcSuite } from "./libc_suite.ts";

// Every test has a directory of its own, all below one that is removed at the end.
const parent = temporaryDirectory("contract");

libcSuite("real libc", () => libc, () => mkdtempSync(parent + "/t"));
