/**
 * The command `sluice`. Everything that was printed has been written when `run` settles, so the
 * process can end although an input that never comes may still be waited for.
 */

import process from "node:process";
import { run } from "./cli/run.ts";

process.exit(await run(process.argv.slice(2)));
