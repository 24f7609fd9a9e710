/**
 * What a healthy client notices of others, and what they leave behind.
 *
 *     alone       4 producers of durable 1 KiB batches, one in flight each
 *     parked      the same, each with a fetch of 10 s parked on its connection
 *     never-read  beside 100 clients that ask for 20 GB and read nothing
 *     drip        beside 100 clients that send a byte a second, in a frame's size and in its body
 *     storm       beside 2,000 connections a second, every second one reset
 *     all         beside all of these
 *
 *     --runtime bun|deno   default both     --rounds N   default 5     --seconds S   default 10
 *     --level fsync|os     of what the healthy produce, default fsync
 *
 * Goals: p99 of the healthy at most 1.5 times what it is alone; memory and descriptors back
 * afterwards.
 *
 * Invariant: one broker per runtime serves all rounds, so that whatever is left of one is seen by
 * the next.
 */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
import { buildPrograms, DIST } from "./build.ts";
import { type Crowd, startCrowd } from "./crowd.ts";
import {
  chooseRuntimes,
  CORES,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { foreignShare } from "./figures.ts";
import { judge } from "./goals.ts";
import { descriptorsOf, memoryOf } from "./processes.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { type Measured, runLoad, type Server, startServer } from "./servers.ts";
import { digits, percent, withRange } from "./statistics.ts";

const TOPIC = "crowded";
const FILL_MIB = 64;
const WARM_UP_SECONDS = 1;
/** What the broker may take to let go of the last round's clients. */
const REST_MS = 2000;

const VARIANTS = ["alone", "parked", "never-read", "drip", "storm", "all"] as const;
type Variant = (typeof VARIANTS)[number];

const CROWDS: Readonly<Record<Exclude<Variant, "alone" | "parked" | "all">, readonly string[]>> = {
  "never-read": ["never-read", "--connections", "100", "--topic", TOPIC],
  drip: ["drip", "--connections", "100"],
  storm: ["storm", "--rate", "2000"],
};

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly level: string;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "10" },
      level: { type: "string", default: "fsync" },
    },
  });
  const runtimes = chooseRuntimes(values.runtime);
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error("--rounds and --seconds are positive");
  return { runtimes, rounds, seconds, level: values.level };
}

async function measure(
  server: Server,
  variant: Variant,
  seconds: number,
  more: readonly string[] = [],
): Promise<Measured> {
  const names = Object.keys(CROWDS) as (keyof typeof CROWDS)[];
  const wanted = names.filter((name) => name === variant || variant === "all");
  const crowds: Crowd[] = [];
  for (const name of wanted) crowds.push(await startCrowd(server.port, CROWDS[name]));
  const isParked = variant === "parked" || variant === "all";
  const topic = ["--topic", isParked ? "parked" : "healthy"];
  const load = ["produce", "--connections", "4", "--batch", "1024", ...topic, ...more];
  if (isParked) load.push("--park");
  const time = ["--warmup", String(WARM_UP_SECONDS), "--seconds", String(seconds)];
  const measured = await runLoad(server, [...load, ...time]);
  for (const crowd of crowds) process.stderr.write(`  ${await crowd.end()}\n`);
  if (crowds.length > 0) await pause(REST_MS);
  return measured;
}

interface Result {
  readonly runtime: RuntimeName;
  readonly rounds: Rounds<Variant, Measured>;
  /** Before the first round and after the last. */
  readonly descriptors: readonly [number, number];
  /** Before the first round and after each: the first ones still warm up. */
  readonly anonymousMib: readonly number[];
}

async function runRuntime(runtime: RuntimeName, options: Options): Promise<Result> {
  const server = await startServer(runtime);
  try {
    const config = ["--config", "durability=os"];
    const fill = ["fill", "--topic", TOPIC, "--create", ...config, "--mib", String(FILL_MIB)];
    await runLoad(server, fill);
    // These warm up, and make the topics; what is held afterwards is what is compared with.
    const create = ["--create", "--config", `durability=${options.level}`];
    await measure(server, "alone", options.seconds, create);
    await measure(server, "all", options.seconds, create);
    const before = stateOf(server);
    const anonymousMib = [before.anonymousMib];
    const variants = Object.fromEntries(VARIANTS.map((variant) => {
      return [variant, () => measure(server, variant, options.seconds)];
    })) as Record<Variant, () => Promise<Measured>>;
    const rounds = await runRounds(variants, {
      count: options.rounds,
      onRound: (round, number) => {
        const line = VARIANTS.map((name) => `${name} ${digits(round[name].p99Us)} µs`).join(", ");
        anonymousMib.push(stateOf(server).anonymousMib);
        process.stderr.write(`${number} ${runtime} p99: ${line}\n`);
      },
    });
    const after = stateOf(server);
    return {
      runtime,
      rounds,
      descriptors: [before.descriptors, after.descriptors],
      anonymousMib,
    };
  } finally {
    await server.stop();
  }
}

function stateOf({ pid }: Server): { descriptors: number; anonymousMib: number } {
  return { descriptors: descriptorsOf(pid), anonymousMib: memoryOf(pid).anonymousMib };
}

function reportOf({ runtime, rounds, descriptors, anonymousMib }: Result): string[] {
  const columns = [
    "runtime",
    "variant",
    "acks/s",
    "p50 µs",
    "p99 µs",
    "p99 against alone",
    "CPU s",
    "CPU of others, the crowd's too",
  ];
  const rows = VARIANTS.map((variant) => {
    const of = (figure: (run: Measured) => number) => {
      return withRange(figures(rounds, variant, figure), digits);
    };
    const ratio = ratios(rounds, variant, "alone", (run) => run.p99Us);
    return tableRow([
      runtime,
      variant,
      of((run) => run.operationsPerSecond),
      of((run) => run.p50Us),
      of((run) => run.p99Us),
      withRange(ratio, digits),
      of((run) => run.serverCpuSeconds),
      percent(Math.max(...figures(rounds, variant, (run) => foreignShare(run, CORES)))),
    ]);
  });
  const goals = VARIANTS.slice(1).map((variant) => {
    const what = `${runtime}: p99 of the healthy, ${variant} against alone`;
    const bound = variant === "parked" ? 1.1 : 1.5;
    const goal = { what, good: "at most", bound } as const;
    return judge(goal, ratios(rounds, variant, "alone", (run) => run.p99Us)).line;
  });
  const left = [
    `${runtime}: descriptors besides segments ${descriptors[0]} before, ${descriptors[1]} after`,
    `${runtime}: anonymous memory in MiB, before and after each round: ` +
    anonymousMib.map(digits).join(", "),
  ];
  return [
    ...tableHead(columns),
    ...rows,
    "",
    ...[...goals, ...left].map((line) => `- ${line}`),
    "",
  ];
}

const options = readOptions();
mkdirSync(DIST, { recursive: true });
buildPrograms();
const command = "node scripts/under.mjs bench/misbehaving.ts";
const report = [...environmentLines(describeEnvironment(command, options.runtimes)), ""];
for (const runtime of options.runtimes) {
  report.push(...reportOf(await runRuntime(runtime, options)));
}
process.stdout.write(`${report.join("\n")}\n`);
