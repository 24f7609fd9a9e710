/**
 * Plants a bug in a copy of the sources and lets the copy's own simulation look for it. Where it is
 * not found, not the engine but the simulation is wrong.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../scripts/runtime.mjs";
import { temporaryDirectory } from "../support/temporary.ts";
import type { PlantedBug } from "./planted_bugs.ts";
import { drawPlan, violationOf } from "./simulate.ts";

/** What the simulation is made of. */
const PARTS = ["src", "ffi", "tests/sim", "tests/support/prng.ts", "package.json", "deno.json"];
export const SEEDS_MAX = 20_000;
const WORDS_MAX = 120;

export interface Found {
  /** -1: in none of the seeds. */
  readonly seed: number;
  readonly words: string;
}

/** Looks for the bug from seed 1 on. Throws when the seed that shows it fails without it too. */
export async function findPlanted(bug: PlantedBug, seeds: number = SEEDS_MAX): Promise<Found> {
  const simulation = await importPatched(bug);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const violation = simulation.violationOf(simulation.drawPlan(seed));
    if (violation === null) continue;
    const words = firstLine(violation.message);
    if (violationOf(drawPlan(seed)) === null) return { seed, words };
    throw new Error(`seed ${seed} fails without "${bug.name}" too: ${words}`);
  }
  return { seed: -1, words: `not found in ${seeds} seeds` };
}

/** The simulation of the copy: what simulate.ts and report.ts give. */
type Simulation = typeof import("./simulate.ts") & typeof import("./report.ts");

export async function importPatched(bug: PlantedBug): Promise<Simulation> {
  const copy = plant(bug);
  const simulate = await importFrom(copy, "tests/sim/simulate.ts");
  return { ...simulate, ...await importFrom(copy, "tests/sim/report.ts") } as Simulation;
}

/** A copy of the sources with the bug in it; its directory. */
export function plant(bug: PlantedBug): string {
  const copy = temporaryDirectory("planted");
  mkdirSync(join(copy, "tests/support"), { recursive: true });
  for (const part of PARTS) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  for (const { file, find, replace } of bug.edits) {
    const text = readFileSync(join(copy, file), "utf8");
    const [before, after, ...more] = text.split(find);
    if (after === undefined || more.length > 0) {
      throw new Error(
        `"${bug.name}": ${file} must hold this exactly once, mend the list:\n${find}`,
      );
    }
    writeFileSync(join(copy, file), `${before}${replace}${after}`);
  }
  return copy;
}

export function importFrom(copy: string, file: string): Promise<object> {
  return import(pathToFileURL(join(copy, file)).href) as Promise<object>;
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length <= WORDS_MAX ? line : `${line.slice(0, WORDS_MAX)} …`;
}
