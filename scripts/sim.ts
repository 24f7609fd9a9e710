/**
 * Replays one schedule of the simulation: what is done, what goes wrong, the schedule shrunk to
 * what matters, and a picture of the files.
 *
 *   npm run sim -- --seed 7                    one seed
 *   npm run sim -- --seed 7 --count 1000       from this seed on, until one fails
 *   SLUICE_RUNTIME=deno npm run sim -- --seed 7
 */
import process from "node:process";
import { reportSeed } from "../tests/sim/report.ts";
import { drawPlan } from "../tests/sim/plan.ts";
import { violationOf } from "../tests/sim/simulate.ts";

const SHRINK_MS = 30_000;

const { seed, count } = readArguments(process.argv.slice(2));
process.exitCode = run() ? 0 : 1;

function run(): boolean {
  for (let at = seed; at < seed + count; at += 1) {
    const isLast = at === seed + count - 1;
    if (isLast || violationOf(drawPlan(at)) !== null) return report(at);
  }
  return true;
}

function report(at: number): boolean {
  const endMs = Date.now() + SHRINK_MS;
  return reportSeed(at, () => Date.now() > endMs, (line) => process.stdout.write(`${line}\n`));
}

function readArguments(args: readonly string[]): { seed: number; count: number } {
  const values = { seed: NaN, count: 1 };
  for (let at = 0; at < args.length; at += 2) {
    const value = Number(args[at + 1]);
    if (args[at] === "--seed") values.seed = value;
    else if (args[at] === "--count") values.count = value;
    else fail(`unknown option ${args[at]}; there are --seed and --count`);
  }
  if (!Number.isInteger(values.seed) || !(values.count >= 1)) fail("--seed takes a whole number");
  return values;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
