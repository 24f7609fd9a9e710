/**
 * What Sluice costs at rest: memory after two idle seconds and the time from its start to its
 * first answer, beside the same runtime with an empty Hono app.
 *
 *     --runtime bun|deno    default both        --rounds N    default 7
 *
 * One round of each runtime is not counted.
 *
 * Invariant: both programs are started by the same command of the runtime, with the same
 * permissions, and each round starts new processes; Sluice on a data directory that is new.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROOT, type RuntimeName } from "../scripts/runtime.mjs";
import { askSluice, measure, type Rest, REST_COLUMNS, restRow } from "./at_rest.ts";
import { DIST } from "./build.ts";
import { chooseRuntimes, describeEnvironment, environmentLines, tableHead } from "./environment.ts";
import { judge } from "./goals.ts";
import { ratios, type Rounds, runRounds } from "./rounds.ts";
import { runtimeCommand, startProgram, startServer } from "./servers.ts";

type Variant = "sluice" | "hono";

function askHono(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    });
    socket.on("error", reject);
    socket.once("data", (piece) => {
      socket.destroy();
      if (String(piece).startsWith("HTTP/1.1 404")) resolve();
      else reject(new Error(`the empty app said ${String(piece)}`));
    });
  });
}

async function runRuntime(runtime: RuntimeName, count: number): Promise<Rounds<Variant, Rest>> {
  const app = [...runtimeCommand(runtime), join(ROOT, "bench", "idle_app.ts")];
  const variants = {
    sluice: () => measure(() => startServer(runtime), askSluice),
    hono: () => measure(() => startProgram(runtime, app, {}, () => {}), askHono),
  };
  // Uncounted: the first start after a change of the source fills the runtime's caches.
  for (const warmUp of Object.values(variants)) await warmUp();
  return runRounds<Variant, Rest>(variants, {
    count,
    isDisturbed: ({ sluice, hono }) => Math.max(sluice.foreignShare, hono.foreignShare) > 0.15,
    onRound: ({ sluice, hono }, number) => {
      for (const [name, rest] of [["sluice", sluice], ["hono", hono]] as const) {
        process.stderr.write(`${number} ${runtime} ${restRow(name, [rest])}\n`);
      }
    },
  });
}

function rows(runtime: RuntimeName, rounds: Rounds<Variant, Rest>): string[] {
  const title = { sluice: `Sluice, ${runtime}`, hono: `empty Hono app, ${runtime}` };
  return (["sluice", "hono"] as const).map((name) =>
    restRow(title[name], rounds.counted.map((round) => round[name]))
  );
}

function verdictLines(runtime: RuntimeName, rounds: Rounds<Variant, Rest>): string[] {
  const memory = ratios(rounds, "sluice", "hono", (rest) => rest.memory.residentMib);
  const later = rounds.counted.map(({ sluice, hono }) => sluice.answeredMs - hono.answeredMs);
  return [
    judge({ what: `${runtime}, idle RSS, times`, good: "at most", bound: 1.8 }, memory),
    judge(
      {
        what: `${runtime}, start to first answer, later by`,
        good: "at most",
        bound: 40,
        unit: " ms",
      },
      later,
    ),
  ].map(({ line }) => `- ${line}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { runtime: { type: "string" }, rounds: { type: "string", default: "7" } },
  });
  const count = Number(values.rounds);
  const runtimes = chooseRuntimes(values.runtime);
  if (!(count >= 1)) throw new Error("--rounds is positive");
  mkdirSync(DIST, { recursive: true });
  const environment = describeEnvironment("node scripts/under.mjs bench/idle.ts", runtimes);
  const all: [RuntimeName, Rounds<Variant, Rest>][] = [];
  for (const runtime of runtimes) all.push([runtime, await runRuntime(runtime, count)]);
  const lines = [
    ...environmentLines(environment),
    "",
    ...tableHead(REST_COLUMNS),
    ...all.flatMap(([runtime, rounds]) => rows(runtime, rounds)),
    "",
    ...all.flatMap(([runtime, rounds]) => verdictLines(runtime, rounds)),
  ];
  writeFileSync(join(DIST, "idle.json"), JSON.stringify({ environment, all }, null, 1));
  process.stdout.write(`${lines.join("\n")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`idle: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
