/**
 * What a hot producer and consumer notice of a reader that streams a cold log at full speed.
 *
 *     hot      a record every millisecond, produced and delivered: p50 and p99 of both
 *     reader   3 GiB of another topic, from the first offset to the end, once
 *
 *     alone    no reader                        the base of every ratio
 *     guard    cold bytes, guard on             the goal: at most 1.3 times the p99 of alone
 *     probe    the same without cachestat       its fallback
 *     off      cold bytes, guard off            must be visibly worse, or nothing was shown
 *     cached   hot bytes, guard off             what a quick reader costs without any disk
 *     busy     no reader; a stranger computes on one core: what sharing the machine costs
 *
 * Rounds alternate (`rounds.ts`). Before each cold run the log is put out of the page cache, and
 * after it is counted what of the log lies there.
 *
 *     node scripts/under.mjs bench/cold_reader.ts [--runtime bun|deno] [--level os|fsync]
 *         [--rounds N] [--gib N]
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
import { buildPrograms, DIST, LOAD } from "./build.ts";
import {
  chooseRuntimes,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { judge } from "./goals.ts";
import { figures, ratios, type Rounds, runRounds } from "./rounds.ts";
import { type Measured, runLoad, runProgram, type Server, startServer } from "./servers.ts";
import { digits, withRange } from "./statistics.ts";

const LEVELS = ["os", "fsync"] as const;
const ALONE_SECONDS = 5;
const WARM_UP_SECONDS = 0.5;
const COLD = "cold";
const HOT = "hot";

type Level = typeof LEVELS[number];
type Variant = "alone" | "guard" | "probe" | "off" | "cached" | "busy";

interface Figure {
  readonly tail: Measured;
  /** Of the reader, where there is one. */
  readonly megabytesPerSecond: number;
  readonly serverCpuPerGigabyte: number;
  /** Of the log, after the run. */
  readonly residentMib: number;
}

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly levels: readonly Level[];
  readonly rounds: number;
  readonly gib: number;
}

/** One server per setting of the guard, each with its own cold log. */
type Servers = Readonly<Record<"on" | "probe" | "off", Server>>;

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      level: { type: "string" },
      rounds: { type: "string", default: "5" },
      gib: { type: "string", default: "3" },
    },
  });
  const runtimes = chooseRuntimes(values.runtime);
  const levels = LEVELS.filter((level) => values.level === undefined || values.level === level);
  return { runtimes, levels, rounds: Number(values.rounds), gib: Number(values.gib) };
}

async function start(runtime: RuntimeName, guard: string, gib: number): Promise<Server> {
  const server = await startServer(runtime, { serverFlags: ["--cold-reads", guard] });
  const fill = ["fill", "--topic", COLD, "--create", "--config", "durability=os"];
  await runLoad(server, [...fill, "--batch", "16384", "--mib", String(1024 * gib)]);
  for (const level of LEVELS) {
    const config = ["--config", `durability=${level}`, "--seconds", "2"];
    await runLoad(server, ["produce", "--topic", `${HOT}-${level}`, "--create", ...config]);
  }
  return server;
}

function coldFiles(server: Server): string[] {
  const directory = join(server.data, `${COLD}-0`);
  const names = readdirSync(directory).filter((name) => /\.(log|index|timeindex)$/.test(name));
  return names.map((name) => join(directory, name));
}

/** The hot pair, for as long as `meanwhile` takes. */
async function withTail<T>(
  server: Server,
  level: Level,
  meanwhile: () => Promise<T>,
): Promise<{ tail: Measured; result: T }> {
  const args = ["tail", "--topic", `${HOT}-${level}`, "--seconds", "600", "--batch", "1024"];
  const times = ["--warmup", String(WARM_UP_SECONDS), "--port", String(server.port)];
  const child = spawn(LOAD, [...args, ...times, "--pid", String(server.pid)]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => stdout += String(piece));
  child.stderr.on("data", (piece) => stderr += String(piece));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await pause(WARM_UP_SECONDS);
  const result = await meanwhile();
  child.kill("SIGTERM");
  if (await ended !== 0) throw new Error(`load tail: ${stderr.trim()}`);
  return { tail: JSON.parse(stdout) as Measured, result };
}

async function alone(server: Server, level: Level): Promise<Figure> {
  const { tail } = await withTail(server, level, () => pause(ALONE_SECONDS));
  return { tail, megabytesPerSecond: NaN, serverCpuPerGigabyte: NaN, residentMib: NaN };
}

/** A loop that no program of the broker knows of takes as much of the machine as a reader. */
async function besideBusy(server: Server, level: Level): Promise<Figure> {
  const stranger = spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" });
  try {
    return await alone(server, level);
  } finally {
    stranger.kill("SIGKILL");
  }
}

async function withReader(server: Server, level: Level, isCold: boolean): Promise<Figure> {
  const read = ["fetch", "--topic", COLD, "--once", "--discard"];
  const files = coldFiles(server);
  if (isCold) await runProgram(["evict", ...files]);
  else await runLoad(server, read);
  const { tail, result } = await withTail(server, level, () => runLoad(server, read));
  const resident = JSON.parse(await runProgram(["resident", ...files]));
  return {
    tail,
    megabytesPerSecond: result.bytesPerSecond / 1e6,
    serverCpuPerGigabyte: result.serverCpuSeconds / (result.bytes / 1e9),
    residentMib: resident.residentBytes / 2 ** 20,
  };
}

async function measure(
  servers: Servers,
  level: Level,
  count: number,
): Promise<Rounds<Variant, Figure>> {
  return await runRounds<Variant, Figure>({
    alone: () => alone(servers.on, level),
    guard: () => withReader(servers.on, level, true),
    probe: () => withReader(servers.probe, level, true),
    off: () => withReader(servers.off, level, true),
    cached: () => withReader(servers.off, level, false),
    busy: () => besideBusy(servers.on, level),
  }, {
    count,
    onRound: (round, number) => {
      const p99s = Object.entries(round).map(([name, { tail }]) => `${name} ${digits(tail.p99Us)}`);
      process.stderr.write(`  round ${number}: p99 ${p99s.join(", ")} µs\n`);
    },
  });
}

const COLUMNS = [
  "runtime, level",
  "reader",
  "delivered p50 µs",
  "p99 µs",
  "p99 / alone",
  "acknowledged p99 µs",
  "reader MB/s",
  "server CPU s/GB",
  "log resident after, MiB",
];

function row(name: string, variant: Variant, rounds: Rounds<Variant, Figure>): string {
  const of = (pick: (figure: Figure) => number) =>
    withRange(figures(rounds, variant, pick), digits);
  return tableRow([
    name,
    variant,
    of(({ tail }) => tail.p50Us),
    of(({ tail }) => tail.p99Us),
    withRange(ratios(rounds, variant, "alone", ({ tail }) => tail.p99Us), digits),
    of(({ tail }) => tail.ackP99Us ?? NaN),
    of(({ megabytesPerSecond }) => megabytesPerSecond),
    of(({ serverCpuPerGigabyte }) => serverCpuPerGigabyte),
    of(({ residentMib }) => residentMib),
  ]);
}

function verdicts(name: string, rounds: Rounds<Variant, Figure>): string[] {
  const p99 = ({ tail }: Figure) => tail.p99Us;
  const goal = (variant: Variant) => ({
    what: `${name}: p99 of the hot pair, ${variant} against alone`,
    good: "at most" as const,
    bound: 1.3,
  });
  const worse = {
    what: `${name}: p99 without the guard against with it`,
    good: "above" as const,
    bound: 1,
  };
  const shared = {
    what: `${name}: p99 of the hot pair, guard against a stranger's busy loop`,
    good: "at most" as const,
    bound: 1.3,
  };
  return [
    judge(goal("guard"), ratios(rounds, "guard", "alone", p99)).line,
    judge(goal("probe"), ratios(rounds, "probe", "alone", p99)).line,
    judge(worse, ratios(rounds, "off", "guard", p99)).line,
    judge(shared, ratios(rounds, "guard", "busy", p99)).line,
  ];
}

function pause(seconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, 1000 * seconds));
}

async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(DIST, { recursive: true });
  buildPrograms();
  const environment = describeEnvironment(
    "node scripts/under.mjs bench/cold_reader.ts",
    options.runtimes,
  );
  const rows: string[] = [];
  const lines: string[] = [];
  for (const runtime of options.runtimes) {
    const started: Server[] = [];
    try {
      const open = async (guard: string) => {
        const server = await start(runtime, guard, options.gib);
        started.push(server);
        return server;
      };
      const servers = { on: await open("on"), probe: await open("probe"), off: await open("off") };
      for (const level of options.levels) {
        const name = `${runtime}, ${level}`;
        process.stderr.write(`${name}\n`);
        const rounds = await measure(servers, level, options.rounds);
        for (const variant of ["alone", "guard", "probe", "off", "cached", "busy"] as const) {
          rows.push(row(name, variant, rounds));
        }
        lines.push(...verdicts(name, rounds));
      }
    } finally {
      for (const server of started) await server.stop();
    }
  }
  const report = [
    ...environmentLines(environment),
    "",
    ...tableHead(COLUMNS),
    ...rows,
    "",
    ...lines,
  ];
  process.stdout.write(`${report.join("\n")}\n`);
}

await main();
