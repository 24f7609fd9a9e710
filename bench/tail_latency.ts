/**
 * From a producer to a consumer at the tail: a subscription beside a long poll.
 *
 *     produce -> durable -> push                      the consumer has asked once
 *     produce -> durable -> fetch reply -> fetch …    it asks again for every answer
 *
 *     --runtime bun|deno   default both   --rounds N   default 5   --seconds S   default 2
 *
 * Invariant: both ways run against the same server in alternating rounds, with the same client.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
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
import { between, type Sample, sample } from "./processes.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { type Server, startServer } from "./servers.ts";
import { digits, percent, withRange } from "./statistics.ts";
import { measureTail, type TailFigures, type Way } from "./tail_client.ts";

const LEVELS = ["fsync", "os"] as const;
const IN_FLIGHT = [1, 16] as const;
const VALUE_BYTES = 1000;
const WARM_UP_SECONDS = 0.5;

interface Figures extends TailFigures {
  readonly recordsPerSecond: number;
  /** Of the server, user + system. */
  readonly cpuUsPerRecord: number;
  readonly foreignShare: number;
}

interface Case {
  readonly runtime: RuntimeName;
  readonly level: typeof LEVELS[number];
  readonly inFlight: number;
  readonly rounds: Rounds<Way, Figures>;
}

const COLUMNS = [
  "runtime",
  "level",
  "in flight",
  "way",
  "p50 µs",
  "p99 µs",
  "records/s",
  "server CPU µs/record",
  "foreign CPU, most",
];

async function createTopic(server: Server, name: string, level: string): Promise<void> {
  const connection = await Connection.connect({ host: "127.0.0.1", port: server.port });
  const config = [{ key: "durability", value: level }];
  await new Admin(connection).createTopic(name, { config });
  connection.close();
}

async function runCase(
  server: Server,
  runtime: RuntimeName,
  level: typeof LEVELS[number],
  inFlight: number,
  options: { rounds: number; seconds: number },
): Promise<Case> {
  const { seconds } = options;
  const topic = `tail-${level}-${inFlight}`;
  await createTopic(server, topic, level);
  const measure = (way: Way) => (): Promise<Figures> => {
    const samples: Sample[] = [];
    const { port, pid } = server;
    const figures = measureTail({
      ...{ port, topic, way, inFlight, seconds },
      valueBytes: VALUE_BYTES,
      warmUpSeconds: WARM_UP_SECONDS,
      onWindow: () => samples.push(sample(pid)),
    });
    const used = between(samples[0]!, samples[1]!, CORES);
    return Promise.resolve({
      ...figures,
      recordsPerSecond: figures.records / seconds,
      cpuUsPerRecord: used.cpuSeconds * 1e6 / figures.records,
      foreignShare: used.foreignShare,
    });
  };
  const rounds = await runRounds<Way, Figures>(
    { push: measure("push"), fetch: measure("fetch") },
    {
      count: options.rounds,
      onRound: (round, number) => {
        const said = (["push", "fetch"] as const).map((way) => {
          return `${way} p50 ${digits(round[way].p50Us)} p99 ${digits(round[way].p99Us)} µs`;
        });
        process.stderr.write(`${number} ${runtime} ${level} x${inFlight}: ${said.join(", ")}\n`);
      },
    },
  );
  return { runtime, level, inFlight, rounds };
}

function rows({ runtime, level, inFlight, rounds }: Case): string[] {
  return (["push", "fetch"] as const).map((way) => {
    const of = (figure: (figures: Figures) => number) => {
      return withRange(figures(rounds, way, figure), digits);
    };
    const foreign = Math.max(...figures(rounds, way, ({ foreignShare }) => foreignShare));
    return tableRow([
      runtime,
      level,
      String(inFlight),
      way === "push" ? "subscription" : "long poll",
      of(({ p50Us }) => p50Us),
      of(({ p99Us }) => p99Us),
      of(({ recordsPerSecond }) => recordsPerSecond),
      of(({ cpuUsPerRecord }) => cpuUsPerRecord),
      percent(foreign),
    ]);
  });
}

/**
 * A subscription is never the slower way. Record by record it costs the server less, because
 * nobody asks; of many in flight a long poll takes more at a time, and later.
 */
function verdicts({ runtime, level, inFlight, rounds }: Case): string[] {
  const name = `${runtime}, ${level}, ${inFlight} in flight, subscription / long poll`;
  const ratio = (figure: (figures: Figures) => number) => ratios(rounds, "push", "fetch", figure);
  const goals = [
    judge({ what: `${name}: p50`, good: "at most", bound: 1.05 }, ratio(({ p50Us }) => p50Us)),
    judge({ what: `${name}: p99`, good: "at most", bound: 1.3 }, ratio(({ p99Us }) => p99Us)),
  ];
  if (inFlight === 1) {
    const cpu = ratio(({ cpuUsPerRecord }) => cpuUsPerRecord);
    goals.push(judge({ what: `${name}: CPU per record`, good: "at most", bound: 1 }, cpu));
  }
  return goals.map(({ line }) => `- ${line}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
    },
  });
  const options = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  if (!(options.rounds >= 1 && options.seconds > 0)) throw new Error("numbers are positive");
  const runtimes = chooseRuntimes(values.runtime);
  mkdirSync(DIST, { recursive: true });
  const command = "node scripts/under.mjs bench/tail_latency.ts";
  const environment = describeEnvironment(command, runtimes);
  const cases: Case[] = [];
  for (const runtime of runtimes) {
    const server = await startServer(runtime);
    try {
      for (const level of LEVELS) {
        for (const inFlight of IN_FLIGHT) {
          cases.push(await runCase(server, runtime, level, inFlight, options));
        }
      }
    } finally {
      await server.stop();
    }
  }
  const lines = [
    ...environmentLines(environment),
    `- Batches of one record of ${VALUE_BYTES} bytes; from send to the record in the consumer.`,
    "",
    ...tableHead(COLUMNS),
    ...cases.flatMap(rows),
    "",
    ...cases.flatMap(verdicts),
  ];
  writeFileSync(join(DIST, "tail_latency.json"), JSON.stringify({ environment, cases }, null, 1));
  process.stdout.write(`${lines.join("\n")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`tail_latency: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
