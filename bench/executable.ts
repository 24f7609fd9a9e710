/**
 * The executable beside the sources under the runtime that it is made of: size, start to serving,
 * memory at rest.
 *
 *     --runtime bun|deno    default both, where an executable can be made here
 *     --rounds N            default 5 pairs
 *
 * The executable is made first. One round is not counted. Medians, and ratios inside a pair.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { makeExecutable, mebibytes, missingHelper, ownTarget } from "../scripts/executable.ts";
import { findRuntime, type RuntimeName } from "../scripts/runtime.mjs";
import { askSluice, measure, type Rest, REST_COLUMNS, restRow } from "./at_rest.ts";
import { DIST } from "./build.ts";
import { chooseRuntimes, describeEnvironment, environmentLines, tableHead } from "./environment.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { startServer } from "./servers.ts";
import { digits, withRange } from "./statistics.ts";

type Variant = "executable" | "sources";

const FIGURES: readonly [string, (rest: Rest) => number][] = [
  ["start to serving", ({ readyMs }) => readyMs],
  ["CPU of the start", ({ startCpuMs }) => startCpuMs],
  ["resident memory", ({ memory }) => memory.residentMib],
  ["anonymous memory", ({ memory }) => memory.anonymousMib],
];

async function compare(
  runtime: RuntimeName,
  executable: string,
  count: number,
): Promise<Rounds<Variant, Rest>> {
  const variants = {
    executable: () => measure(() => startServer(runtime, { executable }), askSluice),
    sources: () => measure(() => startServer(runtime), askSluice),
  };
  for (const warmUp of Object.values(variants)) await warmUp();
  return runRounds<Variant, Rest>(variants, {
    count,
    isDisturbed: ({ executable, sources }) => {
      return Math.max(executable.foreignShare, sources.foreignShare) > 0.15;
    },
    onRound: (round, number) => {
      for (const name of ["executable", "sources"] as const) {
        process.stderr.write(`${number} ${runtime} ${restRow(name, [round[name]])}\n`);
      }
    },
  });
}

function lines(runtime: RuntimeName, path: string, rounds: Rounds<Variant, Rest>): string[] {
  const own = findRuntime(runtime);
  const size = own === null ? "" : `, ${runtime} itself ${mebibytes(own)} MiB`;
  return [
    `${runtime}: the executable has ${mebibytes(path)} MiB${size}; ` +
    `${rounds.disturbed} rounds left out`,
    "",
    ...tableHead(REST_COLUMNS),
    ...(["executable", "sources"] as const).map((name) => {
      return restRow(name, rounds.counted.map((round) => round[name]));
    }),
    "",
    ...FIGURES.map(([what, of]) => {
      const [here, beside] = [figures(rounds, "executable", of), figures(rounds, "sources", of)];
      const ratio = withRange(ratios(rounds, "executable", "sources", of), (x) => x.toFixed(2));
      return `- ${what}: ${withRange(here, digits)} against ${
        withRange(beside, digits)
      }, ratio ${ratio}`;
    }),
    "",
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { runtime: { type: "string" }, rounds: { type: "string", default: "5" } },
  });
  const count = Number(values.rounds);
  if (!(count >= 1)) throw new Error("--rounds is positive");
  mkdirSync(DIST, { recursive: true });
  const runtimes = chooseRuntimes(values.runtime);
  const environment = describeEnvironment("node scripts/under.mjs bench/executable.ts", runtimes);
  const said = environmentLines(environment);
  const all: Record<string, Rounds<Variant, Rest>> = {};
  for (const runtime of runtimes) {
    const target = ownTarget(runtime);
    const missing = target === undefined ? "there is no target" : missingHelper(target);
    if (target === undefined || missing !== "") {
      said.push("", `${runtime}: skipped: ${missing}`);
      continue;
    }
    const path = makeExecutable(target);
    all[runtime] = await compare(runtime, path, count);
    said.push("", ...lines(runtime, path, all[runtime]));
  }
  writeFileSync(join(DIST, "executable.json"), JSON.stringify({ environment, all }, null, 1));
  process.stdout.write(`${said.join("\n")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`executable: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
