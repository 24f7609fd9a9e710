/**
 * What the data path feels of its HTTP door: the lag of the shard's loop and the time that
 * producers wait, with ten pollers and an event stream beside them, and without.
 *
 *     alone    producers: an open loop of durable batches of one record of 1 KiB, due in groups
 *              every 250 us or less often, so that the load leaves the machine to the others
 *     beside   the same, ten pollers, each asking once a second, and a stream of a topic's records
 *     often    the same, each poller asking ten times a second
 *
 * "At 20 % of the offered load" may be read in two ways, and both are measured:
 *
 *     fifth    the load is a fifth of what the broker takes at the most; the stream has all of it
 *     share    the load is half of what it takes at the most; the stream has a fifth of that
 *
 * What a broker takes at the most is measured first, by the same producers in a closed loop.
 *
 *     --runtime bun|deno   default both     --rounds N    default 5     --seconds S   default 8
 *     --level fsync|os     default fsync    --case NAME   default both
 *
 * Goals: p99 of the loop's lag and of produce, beside against alone: at most 1.2. Where one is
 * above 1.5 the command fails. The lag is told in two ways (loop_turns.ts): by turns, as /metrics
 * has it, and by time, which is what the rare long turn weighs in; of a hypervisor's, too, which
 * stops a machine for milliseconds where it uses more than its share: what it took is told beside.
 *
 * Invariant: a run counts only when the stream had every record of its topic, and every answer to a
 * poller was right.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
import { Client } from "../src/client/client.ts";
import { buildPrograms, DIST } from "./build.ts";
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
import { type HttpPlace, httpPlaceOf, Pollers, StreamReader } from "./http_clients.ts";
import { type LoopTurns, turnsOf } from "./loop_turns.ts";
import { between, sample } from "./processes.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { type Measured, runLoad, type Server, startServer } from "./servers.ts";
import { digits, percent, short, spread, withRange } from "./statistics.ts";

const GOAL = 1.2;
const FAILS_ABOVE = 1.5;

const TOPICS = 40;
const GROUPS = 20;
const PARTITIONS = 3;
const RECORDS = 1000;
/** What the ten pollers ask for. */
const POLLED = [
  "/metrics",
  "/metrics",
  "/metrics",
  "/v1/topics",
  "/v1/topics/shown-0",
  "/v1/groups",
  "/v1/groups/readers-0",
  "/v1/groups/readers-1",
  "/v1/connections",
  "/readyz",
];
const EVERY_MS = { beside: 1000, often: 100 } as const;

/** `load`: of what the broker takes at the most; `streamed`: of that, what the stream has. */
const CASES = {
  fifth: { load: 0.2, streamed: 1 },
  share: { load: 0.5, streamed: 0.2 },
} as const;
type CaseName = keyof typeof CASES;

const VARIANTS = ["alone", "beside", "often"] as const;
type Variant = typeof VARIANTS[number];

const STREAMED_TOPIC = "streamed";
const OTHER_TOPIC = "others";
const PRODUCERS = ["produce", "--connections", "8", "--batch", "1024", "--partitions", "3"];
const CLOSED_IN_FLIGHT = "4";
/** Of an open loop: so many requests may be late at the same time. */
const OPEN_IN_FLIGHT = "256";
const WARM_UP_SECONDS = 1;
const STREAM_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 5;

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly cases: readonly CaseName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly level: string;
}

interface Figures {
  readonly loop: LoopTurns;
  readonly produceP50Us: number;
  readonly produceP99Us: number;
  readonly recordsPerSecond: number;
  readonly cpuSeconds: number;
  readonly residentMib: number;
  readonly peakMib: number;
  readonly foreignShare: number;
  /** What the hypervisor took of all processors, a second; see lag by time. */
  readonly stolenMs: number;
  /** What the clients of the HTTP door had, a second. */
  readonly streamedPerSecond: number;
  readonly answersPerSecond: number;
}

interface Result {
  readonly runtime: RuntimeName;
  readonly name: CaseName;
  readonly mostPerSecond: number;
  readonly rounds: Rounds<Variant, Figures>;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "8" },
      level: { type: "string", default: "fsync" },
      case: { type: "string" },
    },
  });
  const names = Object.keys(CASES) as CaseName[];
  const cases = names.filter((name) => (values.case ?? name) === name);
  if (cases.length === 0) throw new Error(`--case: one of ${names.join(", ")}`);
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error("--rounds and --seconds are positive");
  return { runtimes: chooseRuntimes(values.runtime), cases, rounds, seconds, level: values.level };
}

/** Topics and groups for the pollers to be told of, and the topics that are produced to. */
async function prepare(client: Client, level: string): Promise<void> {
  for (const topic of [STREAMED_TOPIC, OTHER_TOPIC]) {
    await client.admin.createTopic(topic, {
      partitions: PARTITIONS,
      config: { durability: level },
    });
  }
  const producer = await client.producer();
  for (let number = 0; number < TOPICS; number += 1) {
    const topic = `shown-${number}`;
    await client.admin.createTopic(topic, { partitions: PARTITIONS });
    for (let count = 0; count < RECORDS / TOPICS; count += 1) {
      await producer.post({ topic, value: "shown", partition: count % PARTITIONS });
    }
  }
  await producer.close();
  for (let number = 0; number < GROUPS; number += 1) {
    const offsets = Array.from({ length: PARTITIONS }, (_, partition) => {
      return { topic: `shown-${number}`, partition, offset: 1 };
    });
    await client.admin.commitGroupOffsets(`readers-${number}`, offsets);
  }
}

interface Run {
  readonly server: Server;
  readonly client: Client;
  readonly place: HttpPlace;
  readonly name: CaseName;
  readonly mostPerSecond: number;
  readonly seconds: number;
}

/** One of the variants, once. */
async function measure(run: Run, variant: Variant): Promise<Figures> {
  const { client, place, seconds } = run;
  const before = await client.admin.histograms();
  const beganMs = performance.now();
  const isBeside = variant !== "alone";
  const pollers = isBeside ? new Pollers(place, POLLED, EVERY_MS[variant]) : null;
  const stream = isBeside ? new StreamReader(place, STREAMED_TOPIC) : null;
  await stream?.begun;
  const unloaded = sample(run.server.pid);
  const loads = await offer(run);
  const { stolenSeconds, seconds: loadSeconds } = between(unloaded, sample(run.server.pid), CORES);
  if (stream !== null) await untilStreamed(stream, loads[0]!.operationsAll);
  stream?.end();
  await pollers?.end();
  const lookedSeconds = (performance.now() - beganMs) / 1000;
  const loop = turnsOf(before, await client.admin.histograms(), lookedSeconds);
  const [first, ...others] = loads as [Measured, ...Measured[]];
  const worst = (of: (load: Measured) => number) => Math.max(...loads.map(of));
  const allSeconds = WARM_UP_SECONDS + seconds;
  return {
    loop,
    produceP50Us: worst(({ p50Us }) => p50Us),
    produceP99Us: worst(({ p99Us }) => p99Us),
    recordsPerSecond: loads.reduce((sum, load) => sum + load.operationsPerSecond, 0),
    cpuSeconds: first.serverCpuSeconds,
    residentMib: first.serverResidentMib,
    peakMib: first.serverPeakMib,
    stolenMs: stolenSeconds * 1000 / loadSeconds,
    foreignShare: others.length === 0 ? foreignShare(first, CORES) : NaN,
    streamedPerSecond: (stream?.records ?? 0) / allSeconds,
    answersPerSecond: (pollers?.answers ?? 0) / allSeconds,
  };
}

/** The producers of the streamed topic, and those of the other one where there are any. */
async function offer({ server, name, mostPerSecond, seconds }: Run): Promise<Measured[]> {
  const { load, streamed } = CASES[name];
  const time = ["--warmup", String(WARM_UP_SECONDS), "--seconds", String(seconds)];
  const of = (topic: string, share: number): Promise<Measured> => {
    const offered = String(Math.round(mostPerSecond * load * share));
    const open = ["--in-flight", OPEN_IN_FLIGHT, "--topic", topic, "--offered", offered];
    return runLoad(server, [...PRODUCERS, ...open, ...time]);
  };
  const loads = [of(STREAMED_TOPIC, streamed)];
  if (streamed < 1) loads.push(of(OTHER_TOPIC, 1 - streamed));
  return await Promise.all(loads);
}

async function untilStreamed(stream: StreamReader, records: number): Promise<void> {
  for (let waitedMs = 0; stream.records < records; waitedMs += LOOK_EVERY_MS) {
    if (waitedMs > STREAM_WITHIN_MS) {
      throw new Error(`the stream had ${stream.records} of ${records} records`);
    }
    await pause(LOOK_EVERY_MS);
  }
  if (stream.records > records) throw new Error("the stream had more records than there are");
}

async function runRuntime(runtime: RuntimeName, options: Options): Promise<Result[]> {
  const server = await startServer(runtime, { serverFlags: ["--http", "127.0.0.1:0"] });
  try {
    const place = await httpPlaceOf(server);
    const client = await Client.connect({ brokers: [`127.0.0.1:${server.port}`] });
    await prepare(client, options.level);
    const closed = ["--in-flight", CLOSED_IN_FLIGHT, "--topic", OTHER_TOPIC, "--seconds", "4"];
    const { operationsPerSecond: mostPerSecond } = await runLoad(server, [...PRODUCERS, ...closed]);
    process.stderr.write(`${runtime} takes ${short(mostPerSecond)} records/s at the most\n`);
    const results: Result[] = [];
    for (const name of options.cases) {
      const run = { server, client, place, name, mostPerSecond, seconds: options.seconds };
      await measure({ ...run, seconds: 3 }, "often"); // the compilers see it first
      const variants = Object.fromEntries(VARIANTS.map((variant) => {
        return [variant, () => measure(run, variant)];
      })) as Record<Variant, () => Promise<Figures>>;
      const rounds = await runRounds(variants, {
        count: options.rounds,
        onRound: (round, number) => process.stderr.write(`${progress(runtime, round, number)}\n`),
      });
      results.push({ runtime, name, mostPerSecond, rounds });
    }
    await client.close();
    return results;
  } finally {
    await server.stop();
  }
}

function progress(runtime: string, round: Record<Variant, Figures>, number: number): string {
  const told = VARIANTS.map((variant) => {
    const { loop, produceP99Us } = round[variant];
    const lag = `loop ${digits(loop.turnP99Us)}, ${digits(loop.p99Us)} by time`;
    return `${variant} ${lag}, produce ${digits(produceP99Us)}`;
  });
  return `${number} ${runtime} p99 µs: ${told.join("; ")}`;
}

const COLUMNS = [
  "runtime",
  "case",
  "variant",
  "records/s",
  "turns p99 µs",
  "loop lag by time p99 µs",
  "loop lag by time p99.9 µs",
  "loop in turns",
  "produce p50 µs",
  "produce p99 µs",
  "CPU s",
  "resident MiB",
  "streamed/s",
  "polls/s",
  "stolen ms/s",
  "CPU of others, the HTTP clients' too",
];

function rowsOf({ runtime, name, rounds }: Result): string[] {
  return VARIANTS.map((variant) => {
    const of = (figure: (figures: Figures) => number): string => {
      return withRange(figures(rounds, variant, figure), digits);
    };
    const median = (figure: (figures: Figures) => number): number => {
      return spread(figures(rounds, variant, figure)).median;
    };
    return tableRow([
      runtime,
      name,
      variant,
      short(median((run) => run.recordsPerSecond)),
      of(({ loop }) => loop.turnP99Us),
      of(({ loop }) => loop.p99Us),
      of(({ loop }) => loop.p999Us),
      percent(median(({ loop }) => loop.share)),
      of((run) => run.produceP50Us),
      of((run) => run.produceP99Us),
      of((run) => run.cpuSeconds),
      digits(median((run) => run.residentMib)),
      short(median((run) => run.streamedPerSecond)),
      digits(median((run) => run.answersPerSecond)),
      of((run) => run.stolenMs),
      percent(median((run) => run.foreignShare)),
    ]);
  });
}

/** The lines, and whether all is below what makes the command fail. */
function verdicts({ runtime, name, rounds }: Result): { lines: string[]; isSound: boolean } {
  const what = `${runtime}, ${name}`;
  let isSound = true;
  const lines: string[] = [];
  const measures = [
    ["p99 of the loop's turns", ({ loop }: Figures) => loop.turnP99Us],
    ["p99 of the loop's lag by time", ({ loop }: Figures) => loop.p99Us],
    ["p99 of produce", ({ produceP99Us }: Figures) => produceP99Us],
  ] as const;
  for (const [measured, of] of measures) {
    const ratio = ratios(rounds, "beside", "alone", of);
    const goal = { what: `${what}: ${measured}, beside / alone`, good: "at most" } as const;
    lines.push(judge({ ...goal, bound: GOAL }, ratio).line);
    isSound &&= judge({ ...goal, bound: FAILS_ABOVE }, ratio).isHeld;
    const often = withRange(ratios(rounds, "often", "alone", of), digits);
    lines.push(`${what}: ${measured}, often / alone: ${often}`);
  }
  return { lines, isSound };
}

async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(DIST, { recursive: true });
  buildPrograms();
  const command = "node scripts/under.mjs bench/http_feel.ts";
  const environment = describeEnvironment(command, options.runtimes);
  const results: Result[] = [];
  for (const runtime of options.runtimes) results.push(...await runRuntime(runtime, options));
  const judged = results.map(verdicts);
  const peaks = results.map(({ runtime, name, mostPerSecond, rounds }) => {
    const peak = Math.max(...VARIANTS.flatMap((it) => figures(rounds, it, (run) => run.peakMib)));
    return `${runtime}, ${name}: at the most ${short(mostPerSecond)} records/s before; ` +
      `peak memory of the broker ${digits(peak)} MiB`;
  });
  const lines = [
    ...environmentLines(environment),
    `- Level ${options.level}; ${TOPICS} topics and ${GROUPS} groups for the pollers`,
    "",
    ...tableHead(COLUMNS),
    ...results.flatMap(rowsOf),
    "",
    ...[...judged.flatMap(({ lines }) => lines), ...peaks].map((line) => `- ${line}`),
  ];
  writeFileSync(join(DIST, "http_feel.json"), JSON.stringify({ environment, results }, null, 1));
  process.stdout.write(`${lines.join("\n")}\n`);
  if (judged.some(({ isSound }) => !isSound)) throw new Error(`a ratio is above ${FAILS_ABOVE}`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`http_feel: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
