/** Which file on the PATH is an executable of Sluice: a binary, not the command of the package. */
import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { afterEach, test } from "node:test";
import { executableOnPath, namedExecutable } from "../../../src/embed/executable.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const PATH = process.env["PATH"]!;
afterEach(() => {
  process.env["PATH"] = PATH;
  delete process.env["SLUICE_EXECUTABLE"];
});

test("a script named sluice is passed over, a binary behind it is taken", () => {
  const [script, binary] = [temporaryDirectory("script"), temporaryDirectory("binary")];
  writeFileSync(join(script, "sluice"), "#!/bin/sh\n", { mode: 0o755 });
  process.env["PATH"] = [script, binary].join(delimiter);
  assert.equal(executableOnPath(), null);
  copyFileSync("/bin/true", join(binary, "sluice"));
  assert.equal(executableOnPath(), join(binary, "sluice"));
});

test("a binary that may not be started is passed over", () => {
  const folder = temporaryDirectory("binary");
  writeFileSync(join(folder, "sluice"), "\x7fELF", { mode: 0o644 });
  process.env["PATH"] = folder;
  assert.equal(executableOnPath(), null);
});

test("the option comes before the environment", () => {
  assert.equal(namedExecutable(undefined), "");
  process.env["SLUICE_EXECUTABLE"] = "/b";
  assert.equal(namedExecutable(undefined), "/b");
  assert.equal(namedExecutable("/a"), "/a");
});
