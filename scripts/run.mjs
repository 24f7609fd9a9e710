#!/usr/bin/env node
/**
 * The command `sluice` in a clone: `npx sluice topic list`, `npm start`, or directly
 * `node scripts/run.mjs serve`. SLUICE_RUNTIME=bun|deno picks the runtime; Bun is the default.
 */
import process from "node:process";
import { DENO_BROKER_PERMISSIONS, runUnder } from "./runtime.mjs";

runUnder("src/main.ts", process.argv.slice(2), DENO_BROKER_PERMISSIONS);
