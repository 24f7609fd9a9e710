#!/usr/bin/env node
/**
 * The command `sluice`: in a clone `npx sluice topic list`, `npm start`, or directly
 * `node scripts/run.mjs serve`; and the `bin` of the npm package. SLUICE_RUNTIME=bun|deno picks the
 * runtime; Bun is the default. Started by Bun or by Deno it goes on there, in the same process.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { DENO_BROKER_PERMISSIONS, isAtHome, MAIN, runUnder } from "./runtime.mjs";

if (isAtHome()) await import(pathToFileURL(MAIN).href);
else runUnder(MAIN, process.argv.slice(2), DENO_BROKER_PERMISSIONS);
