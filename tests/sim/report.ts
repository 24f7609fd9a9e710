/** What a person sees of a schedule: what was done, what went wrong, and the files it left. */
import { pictureOf } from "./picture.ts";
import { drawPlan, type Operation, type Plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { Violation } from "./violation.ts";
import type { Stats } from "./met.ts";
import { World } from "./world.ts";

export interface Told {
  readonly lines: readonly string[];
  readonly violation: Violation | null;
  readonly stats: Stats | null;
  /** The files as the last crash left them, and as they are at the end. */
  readonly crashPicture: readonly string[];
  readonly picture: readonly string[];
}

/** Runs a schedule and tells what happens. */
export function tellPlan(plan: Plan): Told {
  const lines: string[] = [];
  const world = new World(plan, { tell: (text) => lines.push(text), looks: true });
  let violation: Violation | null = null;
  let stats: Stats | null = null;
  try {
    stats = world.run();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  const { crashPicture } = world;
  return { lines, violation, stats, crashPicture, picture: pictureOf(world.libc.disk) };
}

/** The report of a seed, line by line; `isTimeUp` bounds the shrinking. True when all was well. */
export function reportSeed(
  seed: number,
  isTimeUp: () => boolean,
  write: (line: string) => void,
): boolean {
  const plan = drawPlan(seed);
  writeOptions(plan, write);
  const told = tellPlan(plan);
  told.lines.forEach(write);
  if (told.violation === null) {
    write(`seed ${seed}: no violation`);
    write(JSON.stringify(told.stats));
    return true;
  }
  write(`\n${told.violation.message}\n`);
  const shrunk = shrink(plan, told.violation, isTimeUp);
  const { operations } = shrunk.plan;
  write(`shrunk to ${operations.length} of ${plan.operations.length} operations:`);
  operations.forEach((operation, at) => write(`${String(at).padStart(5)}  ${textOf(operation)}`));
  write("\nwhat they do:");
  const small = tellPlan(shrunk.plan);
  small.lines.forEach(write);
  write(`\n${(small.violation ?? told.violation).message}`);
  write("\nfiles as the last crash left them:");
  small.crashPicture.forEach(write);
  write("\nfiles at the end:");
  small.picture.forEach(write);
  return false;
}

function writeOptions(plan: Plan, write: (line: string) => void): void {
  const { operations, topics, ...options } = plan;
  write(`${operations.length} operations, ${JSON.stringify(options)}`);
  for (const { name, partitions, config } of topics) {
    const settings = config.map(({ key, value }) => `${key}=${value}`).join(" ");
    write(`topic ${name}: ${partitions} partitions, ${settings}`);
  }
}

function textOf({ kind, crash, cuts }: Operation): string {
  if (crash === null) return kind;
  const when = crash.calls === 0 ? "now" : `after ${crash.calls} calls`;
  const starts = cuts.map((cut) => `, a start cut (${cut.kind}) after ${cut.calls} calls`);
  return `${crash.kind} ${when}${starts.join("")}`;
}
