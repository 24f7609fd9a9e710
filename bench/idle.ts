/**
 * What Sluice costs at rest: memory after two idle seconds and the time from its start to its
 * first answer, beside the same runtime with an empty Hono app.
 *
 *     spawn -> "ready" on stdout -> first request answered -> 2 s -> memory
 *
 *     --runtime bun|deno    default both        --rounds N    default 7
 *
 * One round of each runtime is not counted. The machine is looked at from before the start on.
 *
 * Invariant: both programs are started by the same command of the runtime, with the same
 * permissions, and each round starts new processes; Sluice on a data directory that is new.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ROOT, type RuntimeName } from "../scripts/runtime.mjs";
import { Admin } from "../src/client/admin.ts";
import { Connection } from "../src/client/connection.ts";
import { DIST } from "./build.ts";
import {
  chooseRuntimes,
  CORES,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { judge } from "./goals.ts";
import { between, type Memory, memoryOf, type Sample, sample, threadsOf } from "./processes.ts";
import { ratios, type Rounds, runRounds } from "./rounds.ts";
import { runtimeCommand, type Server, startProgram, startServer } from "./servers.ts";
import { digits, percent, withRange } from "./statistics.ts";

const IDLE_MS = 2000;

interface Rest {
  readonly readyMs: number;
  readonly answeredMs: number;
  readonly memory: Memory;
  readonly threads: number;
  /** Processor time of the start, and of the idle seconds. */
  readonly startCpuMs: number;
  readonly idleCpuMs: number;
  readonly foreignShare: number;
}

type Variant = "sluice" | "hono";

async function measure(
  start: () => Promise<Server>,
  ask: (port: number) => Promise<void>,
): Promise<Rest> {
  const machine = sample(process.pid);
  const beginMs = performance.now();
  const server = await start();
  try {
    const readyMs = performance.now() - beginMs;
    await ask(server.port);
    const answeredMs = performance.now() - beginMs;
    const before = sample(server.pid);
    const startForeign = foreignOfStart(machine, before);
    await pause(IDLE_MS);
    const memory = memoryOf(server.pid);
    const threads = threadsOf(server.pid);
    const used = between(before, sample(server.pid), CORES);
    return {
      readyMs,
      answeredMs,
      memory,
      threads,
      startCpuMs: before.cpuSeconds * 1000,
      idleCpuMs: used.cpuSeconds * 1000,
      foreignShare: Math.max(startForeign, used.foreignShare),
    };
  } finally {
    await server.stop();
  }
}

/** What others worked while the server started: its own time began with its process. */
function foreignOfStart(machine: Sample, server: Sample): number {
  const own = server.ownCpuSeconds - machine.ownCpuSeconds;
  const all = server.machineCpuSeconds - machine.machineCpuSeconds;
  const seconds = (server.atMs - machine.atMs) / 1000;
  return Math.max(0, all - own - server.cpuSeconds) / (seconds * CORES);
}

/** One request, and the connection is closed, as the app's is. */
async function askSluice(port: number): Promise<void> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  await new Admin(connection).ping();
  connection.close();
}

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
        process.stderr.write(`${number} ${runtime} ${row(name, runtime, [rest])}\n`);
      }
    },
  });
}

const COLUMNS = [
  "runtime",
  "program",
  "ready ms",
  "first answer ms",
  "RSS MiB",
  "PSS MiB",
  "anonymous MiB",
  "threads",
  "CPU ms of the start",
  "CPU ms of 2 s idle",
  "foreign CPU, most",
];

function row(name: string, runtime: RuntimeName, rests: readonly Rest[]): string {
  const of = (figure: (rest: Rest) => number) => withRange(rests.map(figure), digits);
  return tableRow([
    runtime,
    name,
    of((rest) => rest.readyMs),
    of((rest) => rest.answeredMs),
    of((rest) => rest.memory.residentMib),
    of((rest) => rest.memory.proportionalMib),
    of((rest) => rest.memory.anonymousMib),
    of((rest) => rest.threads),
    of((rest) => rest.startCpuMs),
    of((rest) => rest.idleCpuMs),
    percent(Math.max(...rests.map((rest) => rest.foreignShare))),
  ]);
}

function rows(runtime: RuntimeName, rounds: Rounds<Variant, Rest>): string[] {
  const title = { sluice: "Sluice", hono: "empty Hono app" };
  return (["sluice", "hono"] as const).map((name) =>
    row(title[name], runtime, rounds.counted.map((round) => round[name]))
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
    ...tableHead(COLUMNS),
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
