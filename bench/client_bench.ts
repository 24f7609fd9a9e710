/**
 * `sluice bench` over a range of loads, as one table for docs/LEDGER.md.
 *
 *     levels      fsync, interval, os x 1, 16, 256 connections, batches of one record: first one in
 *                 flight, as fast as it goes; then an open loop at 0.7 of that rate (8 in flight),
 *                 whose latencies count from when a record was due
 *     partitions  1, 1,000, 10,000: CPU of an append, memory, start after a clean stop and a kill
 *
 *     --runtime bun|deno   default both     --seconds S   of each load, default 5
 *     --only levels|partitions              default both
 *
 * Invariant: the command itself runs under one runtime, whichever the broker has; every broker is
 * ended by its process id and its directory removed; a run whose content is wrong ends the bench.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  argumentsFor,
  DENO_BROKER_PERMISSIONS,
  findRuntime,
  ROOT,
  type RuntimeName,
} from "../scripts/runtime.mjs";
import { removeScratch, scratchDirectory } from "../scripts/scratch.ts";
import { DIST } from "./build.ts";
import {
  chooseRuntimes,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { memoryOf } from "./processes.ts";

const LEVELS = ["fsync", "interval", "os"];
const CONNECTIONS = [1, 16, 256];
const PARTITIONS = [1, 1000, 10_000];
const FAST = ["--rate", "max", "--in-flight", "1"];
/** Of the rate that was reached, for the open loop. */
const CALM_SHARE = 0.7;
const READY_WITHIN_MS = 600_000;

interface Summary {
  readonly recordsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** The part of what `sluice bench --json` says that stands in the tables. */
interface Report {
  readonly isSound: boolean;
  readonly acknowledged: Summary;
  readonly tail: Summary;
  readonly brokerUse: { readonly cpuPercent: number; readonly residentMiB: number };
  readonly brokerCpuUsPerRecord: number;
  readonly client: { readonly cpuPercent: number };
}

interface Running {
  readonly port: number;
  readonly pid: number;
  readonly readyMs: number;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

const { values } = parseArgs({
  options: {
    runtime: { type: "string" },
    seconds: { type: "string", default: "5" },
    only: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const wanted = values.only ?? "";
const client: RuntimeName = findRuntime("bun") === null ? "deno" : "bun";

mkdirSync(DIST, { recursive: true });
const runtimes = chooseRuntimes(values.runtime);
const environment = describeEnvironment("node scripts/under.mjs bench/client_bench.ts", runtimes);
process.stdout.write(`${environmentLines(environment).join("\n")}\n\nclient: ${client}\n\n`);
if (wanted !== "partitions") { for (const runtime of runtimes) await measureLevels(runtime); }
if (wanted !== "levels") { for (const runtime of runtimes) await measurePartitions(runtime); }

async function measureLevels(runtime: RuntimeName): Promise<void> {
  const data = scratchDirectory(DIST);
  const broker = await start(runtime, data);
  print(tableHead([
    ...["broker", "level", "connections", "records/s", "p50 ms", "p99 ms"],
    ...["calm records/s", "p50 ms", "p99 ms", "p99.9 ms", "tail p99 ms"],
    ...["broker CPU %", "client CPU %", "broker MiB"],
  ]));
  try {
    for (const level of LEVELS) {
      for (const connections of CONNECTIONS) {
        const load = ["--producers", `${connections}`, "--config", `durability=${level}`];
        const fast = await bench(broker, [...load, ...FAST]);
        const rate = Math.max(1, Math.floor(fast.acknowledged.recordsPerSecond * CALM_SHARE));
        const calm = await bench(broker, [...load, "--rate", `${rate}`]);
        print([levelRow(runtime, level, connections, fast, calm)]);
      }
    }
  } finally {
    await broker.end("SIGTERM");
    removeScratch(data);
  }
}

function levelRow(
  runtime: RuntimeName,
  level: string,
  connections: number,
  fast: Report,
  calm: Report,
): string {
  return tableRow([
    ...[runtime, level, `${connections}`, fast.acknowledged.recordsPerSecond.toFixed(0)],
    ...[fast.acknowledged.p50Ms.toFixed(2), fast.acknowledged.p99Ms.toFixed(2)],
    ...[calm.acknowledged.recordsPerSecond.toFixed(0), calm.acknowledged.p50Ms.toFixed(2)],
    ...[calm.acknowledged.p99Ms.toFixed(2), calm.acknowledged.p999Ms.toFixed(2)],
    ...[calm.tail.p99Ms.toFixed(2), fast.brokerUse.cpuPercent.toFixed(0)],
    ...[fast.client.cpuPercent.toFixed(0), fast.brokerUse.residentMiB.toFixed(0)],
  ]);
}

async function measurePartitions(runtime: RuntimeName): Promise<void> {
  print(tableHead([
    ...["broker", "partitions", "records/s", "p50 ms", "p99 ms", "µs CPU an append"],
    ...["MiB with them", "start after a clean stop, ms", "start after a kill, ms"],
  ]));
  for (const partitions of PARTITIONS) {
    const data = scratchDirectory(DIST);
    try {
      print([await partitionsRow(runtime, data, partitions)]);
    } finally {
      removeScratch(data);
    }
  }
}

async function partitionsRow(
  runtime: RuntimeName,
  data: string,
  partitions: number,
): Promise<string> {
  const first = await start(runtime, data);
  const load = ["--producers", "16", "--partitions", `${partitions}`, ...FAST, "--keep"];
  const report = await bench(first, load).catch(async (error) => {
    await first.end("SIGKILL");
    throw error;
  });
  const { residentMib } = memoryOf(first.pid);
  await first.end("SIGTERM");
  const clean = await start(runtime, data);
  await clean.end("SIGKILL");
  const killed = await start(runtime, data);
  await killed.end("SIGTERM");
  const { recordsPerSecond, p50Ms, p99Ms } = report.acknowledged;
  return tableRow([
    ...[runtime, `${partitions}`, recordsPerSecond.toFixed(0), p50Ms.toFixed(2)],
    ...[p99Ms.toFixed(2), report.brokerCpuUsPerRecord.toFixed(1), residentMib.toFixed(0)],
    ...[clean.readyMs.toFixed(0), killed.readyMs.toFixed(0)],
  ]);
}

/** One run; throws when what was read is not what was sent. */
async function bench(broker: Running, load: readonly string[]): Promise<Report> {
  const shape = ["--batch", "1", "--seconds", `${seconds}`, "--json"];
  const words = ["bench", "--broker", `127.0.0.1:${broker.port}`, ...shape, ...load];
  const child = spawn(findRuntime(client)!, command(client, words), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (piece) => text += String(piece));
  const code = await new Promise((ended) => child.on("close", ended));
  const report = code === 0 ? JSON.parse(text) as Report : null;
  if (report?.isSound === true) return report;
  throw new Error(`sluice ${words.join(" ")} ended with ${code}: ${text}`);
}

/** A broker on this directory, and how long it took until it was ready. */
async function start(runtime: RuntimeName, data: string): Promise<Running> {
  const words = ["serve", "--data", data, "--native", "127.0.0.1:0"];
  const beganMs = performance.now();
  const child = spawn(findRuntime(runtime)!, command(runtime, words), {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.on("exit", killWithUs);
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    let text = "";
    const limit = setTimeout(() => reject(new Error("the broker is not ready")), READY_WITHIN_MS);
    child.stdout.on("data", (piece) => {
      text += String(piece);
      const found = /^native \S+:(\d+)\nready$/m.exec(text);
      if (found !== null) resolve(Number(found[1]));
      if (found !== null) clearTimeout(limit);
    });
    child.on("close", () => reject(new Error(`the broker ended: ${text}`)));
  });
  const readyMs = performance.now() - beganMs;
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, signal);
    await ended;
    process.off("exit", killWithUs);
  };
  return { port, pid: child.pid!, readyMs, end };
}

function command(runtime: RuntimeName, words: readonly string[]): string[] {
  const main = process.env["SLUICE_BENCH_MAIN"] ?? join(ROOT, "src", "main.ts");
  return [...argumentsFor(runtime, DENO_BROKER_PERMISSIONS), main, ...words];
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
