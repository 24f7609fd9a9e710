/**
 * `npm run build`: the program as one file that needs no runtime, in dist/executables.
 *
 *     npm run build                              for this machine
 *     npm run build -- --target bun-linux-arm64  for another; may be repeated
 *     npm run build -- --target all              for every machine that it can be made for
 *
 * Prints path, size and, where it runs here, milliseconds from its start to serving. A target that
 * cannot be had is named with the reason. The exit code is 1 when one that was named was not made,
 * or none at all.
 */
import { relative } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  executablePath,
  makeExecutable,
  mebibytes,
  missingHelper,
  NO_TARGETS,
  ownTarget,
  type Target,
  TARGETS,
} from "./executable.ts";
import { ROOT, RUNTIMES } from "./runtime.mjs";
import { startTimesMs } from "./start_time.ts";

const STARTS = 5;

interface Wish {
  readonly name: string;
  /** Undefined: nobody can make it. */
  readonly target: Target | undefined;
  /** It was asked for by name. */
  readonly isNamed: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const wishes = readWishes(args);
  let made = 0;
  let missed = 0;
  for (const { name, target, isNamed } of wishes) {
    try {
      const reason = target === undefined ? NO_TARGETS[name] : missingHelper(target);
      if (target === undefined || (!isNamed && reason !== "")) throw new Error(reason);
      const path = makeExecutable(target);
      say(
        `${name.padEnd(20)} ${mebibytes(path)} MiB${await startText(target)}: ${
          relative(ROOT, path)
        }`,
      );
      made += 1;
    } catch (error) {
      say(`${name.padEnd(20)} not made: ${(error as Error).message}`);
      if (isNamed) missed += 1;
    }
  }
  return missed > 0 || made === 0 ? 1 : 0;
}

function readWishes(args: readonly string[]): Wish[] {
  const { values } = parseArgs({
    args: [...args],
    options: { target: { type: "string", multiple: true, default: [] } },
  });
  if (values.target.length === 0) {
    const own = RUNTIMES.map(ownTarget).filter((target) => target !== undefined);
    return own.map((target) => ({ name: target.name, target, isNamed: false }));
  }
  if (values.target.includes("all")) {
    const names = [...TARGETS.map(({ name }) => name), ...Object.keys(NO_TARGETS)];
    return names.map((name) => wish(name, false));
  }
  return values.target.map((name) => wish(name, true));
}

function wish(name: string, isNamed: boolean): Wish {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined && NO_TARGETS[name] === undefined) {
    const known = TARGETS.map((each) => each.name).join(", ");
    say(`--target takes all, ${known}`);
    process.exit(2);
  }
  return { name, target, isNamed };
}

async function startText(target: Target): Promise<string> {
  if (target !== ownTarget(target.runtime)) return "";
  const timesMs = await startTimesMs([executablePath(target)], STARTS);
  const median = timesMs.sort((a, b) => a - b)[Math.floor(timesMs.length / 2)] ?? NaN;
  return `, serves after ${median.toFixed(0)} ms`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
