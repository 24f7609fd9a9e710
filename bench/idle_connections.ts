/**
 * 10,000 idle connections: what each costs the broker, and what the others notice of them.
 *
 *     without   appends, 16 x 16 in flight, and durable ones, 16 x 1; fetches by 8 readers
 *     with      the same, while the idle ones stand
 *
 *     --runtime bun|deno   default both     --rounds N   default 5     --seconds S   default 3
 *     --connections N      default 10000; the limit of open files counts per process
 *
 * Goals: throughput with them at least 0.95 of what it is without; at most 8 KiB of the broker's
 * memory for each.
 *
 * Invariant: the idle clients live in a process of their own and have said hello; the order of
 * with and without turns each round, as in every bench here.
 */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
import { buildPrograms, DIST } from "./build.ts";
import { startCrowd } from "./crowd.ts";
import {
  chooseRuntimes,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { judge } from "./goals.ts";
import { descriptorsOf, memoryOf } from "./processes.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { type Measured, runLoad, type Server, startServer } from "./servers.ts";
import { digits, withRange } from "./statistics.ts";

const FILL_MIB = 256;
const FETCH_TOPIC = "fetch-log";
const WARM_UP_SECONDS = 0.5;
const REST_MS = 2000;
const KIB_PER_MIB = 1024;

/** By name: the load, without its topic's level. */
const LOADS = {
  "append-os": ["produce", "--batch", "1024", "--connections", "16", "--in-flight", "16"],
  "durable-16": ["produce", "--batch", "1024", "--connections", "16"],
  "fetch-8": [
    ...["fetch", "--topic", FETCH_TOPIC, "--max-bytes", "1048576", "--discard"],
    ...["--connections", "8"],
  ],
} as const;
type LoadName = keyof typeof LOADS;
const LOAD_NAMES = Object.keys(LOADS) as LoadName[];

interface Figures {
  readonly loads: Readonly<Record<LoadName, Measured>>;
  /** Anonymous memory that the standing connections added; 0 without them. */
  readonly addedMib: number;
}
type Variant = "without" | "with";

async function measure(server: Server, seconds: number, idle: number): Promise<Figures> {
  const before = memoryOf(server.pid).anonymousMib;
  const args = ["idle", "--connections", String(idle)];
  const crowd = idle > 0 ? await startCrowd(server.port, args) : null;
  if (crowd !== null) await pause(REST_MS);
  const addedMib = crowd === null ? 0 : memoryOf(server.pid).anonymousMib - before;
  const loads = {} as Record<LoadName, Measured>;
  const time = ["--warmup", String(WARM_UP_SECONDS), "--seconds", String(seconds)];
  for (const name of LOAD_NAMES) {
    const topic = name === "fetch-8" ? [] : ["--topic", name];
    loads[name] = await runLoad(server, [...LOADS[name], ...topic, ...time]);
  }
  if (crowd !== null) process.stderr.write(`  ${await crowd.end()}\n`);
  await pause(REST_MS);
  return { loads, addedMib };
}

/** The topics, each written to once. */
async function prepare(server: Server): Promise<void> {
  const level = (name: string) => ["--create", "--config", `durability=${name}`];
  const size = ["--mib", String(FILL_MIB)];
  await runLoad(server, ["fill", "--topic", FETCH_TOPIC, ...level("os"), ...size]);
  const short = ["--seconds", "1"];
  await runLoad(server, [...LOADS["append-os"], "--topic", "append-os", ...level("os"), ...short]);
  const durable = ["--topic", "durable-16", ...level("fsync"), ...short];
  await runLoad(server, [...LOADS["durable-16"], ...durable]);
}

interface Result {
  readonly runtime: RuntimeName;
  readonly rounds: Rounds<Variant, Figures>;
  readonly descriptors: readonly [number, number];
}

async function runRuntime(runtime: RuntimeName, options: Options): Promise<Result> {
  const server = await startServer(runtime);
  try {
    await prepare(server);
    const before = descriptorsOf(server.pid);
    const { seconds, connections } = options;
    const rounds = await runRounds<Variant, Figures>({
      without: () => measure(server, seconds, 0),
      with: () => measure(server, seconds, connections),
    }, {
      count: options.rounds,
      onRound: (round, number) => {
        const kib = round.with.addedMib * KIB_PER_MIB / connections;
        process.stderr.write(`${number} ${runtime}: ${digits(kib)} KiB a connection\n`);
      },
    });
    return { runtime, rounds, descriptors: [before, descriptorsOf(server.pid)] };
  } finally {
    await server.stop();
  }
}

function reportOf({ runtime, rounds, descriptors }: Result, connections: number): string[] {
  const perSecond = (name: LoadName) => ({ loads }: Figures) => {
    return name === "fetch-8" ? loads[name].bytesPerSecond / 1e6 : loads[name].operationsPerSecond;
  };
  const rows = LOAD_NAMES.map((name) => {
    const of = (variant: Variant, figure: (run: Measured) => number) => {
      return withRange(figures(rounds, variant, ({ loads }) => figure(loads[name])), digits);
    };
    return tableRow([
      runtime,
      name,
      withRange(figures(rounds, "without", perSecond(name)), digits),
      withRange(figures(rounds, "with", perSecond(name)), digits),
      withRange(ratios(rounds, "with", "without", perSecond(name)), digits),
      of("without", (run) => run.p99Us),
      of("with", (run) => run.p99Us),
    ]);
  });
  const goals = LOAD_NAMES.map((name) => {
    const what = `${runtime}: ${name} with ${connections} idle connections`;
    const values = ratios(rounds, "with", "without", perSecond(name));
    return judge({ what, good: "at least", bound: 0.95 }, values).line;
  });
  const memory = figures(rounds, "with", ({ addedMib }) => addedMib * KIB_PER_MIB / connections);
  const what = `${runtime}: memory of the broker for a connection`;
  goals.push(judge({ what, good: "at most", bound: 8, unit: " KiB" }, memory).line);
  goals.push(`${runtime}: descriptors ${descriptors[0]} before, ${descriptors[1]} after`);
  const columns = ["runtime", "load", "acks/s or MB/s without", "with", "ratio", "p99 µs", "with"];
  return [...tableHead(columns), ...rows, "", ...goals.map((line) => `- ${line}`), ""];
}

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      connections: { type: "string", default: "10000" },
    },
  });
  const runtimes = chooseRuntimes(values.runtime);
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  return { runtimes, rounds, seconds, connections: Number(values.connections) };
}

const options = readOptions();
mkdirSync(DIST, { recursive: true });
buildPrograms();
const command = "node scripts/under.mjs bench/idle_connections.ts";
const report = [...environmentLines(describeEnvironment(command, options.runtimes)), ""];
for (const runtime of options.runtimes) {
  report.push(...reportOf(await runRuntime(runtime, options), options.connections));
}
process.stdout.write(`${report.join("\n")}\n`);
