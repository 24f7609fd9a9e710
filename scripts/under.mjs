/**
 * Runs a TypeScript file of the project, with its arguments, under the chosen runtime:
 * `node scripts/under.mjs scripts/test.ts tests/unit`. Behind the npm scripts.
 */
import process from "node:process";
import { DENO_SCRIPT_PERMISSIONS, runUnder } from "./runtime.mjs";

const [file = "", ...args] = process.argv.slice(2);
runUnder(file, args, DENO_SCRIPT_PERMISSIONS);
