/**
 * `npm run bench`: Sluice beside a C program of the same shape, in alternating pairs.
 *
 *     for each runtime and scenario:   S C | C S | S C | C S | S C    S Sluice, C limit server
 *
 * Progress goes to stderr, the table for docs/LEDGER.md to stdout, all raw figures to
 * dist/bench/. Both orders alternate, because the second of two runs meets another machine than
 * the first.
 *
 *     --quick            two pairs of half a second
 *     --only NAME        scenarios whose name begins so; may be repeated
 *     --runtime NAME     bun or deno, default both; limit measures C against itself: the noise
 *     --pairs N          default 5         --seconds S    window, default 2
 *
 * Invariant: no figure is printed for a run in which one reply was wrong: the load ends with an
 * error.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findRuntime, RUNTIMES } from "../scripts/runtime.mjs";
import { buildPrograms, DIST } from "./build.ts";
import { CORES, describeEnvironment } from "./environment.ts";
import {
  foreignShare,
  type Pair,
  renderReport,
  type Result,
  type Run,
  throughput,
} from "./report.ts";
import { FETCH_TOPIC, type Scenario, SCENARIOS } from "./scenarios.ts";
import { runLoad, type Server, type ServerName, startServer, touchMemory } from "./servers.ts";
import { digits, percent, short } from "./statistics.ts";

const WARM_UP_SECONDS = 0.5;
/** Above it a pair is disturbed. At level fsync the kernel's sync workers alone take up to 0.3. */
const FOREIGN_SHARE_MAX = { os: 0.15, fsync: 0.35 } as const;

type Role = "ours" | "limit";

interface Options {
  readonly runtimes: readonly ServerName[];
  readonly scenarios: readonly Scenario[];
  readonly pairs: number;
  readonly seconds: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      runtime: { type: "string" },
      pairs: { type: "string" },
      seconds: { type: "string" },
    },
  });
  const wanted = values.only;
  const scenarios = SCENARIOS.filter(({ name }) =>
    wanted.length === 0 || wanted.some((start) => name.startsWith(start))
  );
  const runtimes: ServerName[] = values.runtime === "limit"
    ? ["limit"]
    : RUNTIMES.filter((name) =>
      (values.runtime === undefined || values.runtime === name) && findRuntime(name) !== null
    );
  const pairs = Number(values.pairs ?? (values.quick ? 2 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 0.5 : 2));
  if (scenarios.length === 0) {
    throw new Error(`--only: one of ${SCENARIOS.map(({ name }) => name).join(", ")}`);
  }
  if (runtimes.length === 0) throw new Error("--runtime: bun or deno, and it must be installed");
  if (!(pairs >= 1) || !(seconds > 0)) throw new Error("--pairs and --seconds are positive");
  return { runtimes, scenarios, pairs, seconds };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Servers that stay for all scenarios that do not ask for fresh ones, filled at first need. */
class Standing {
  readonly #servers = new Map<Role, Server>();
  readonly #filled = new Set<Role>();

  async get(role: Role, name: ServerName, scenario: Scenario): Promise<Server> {
    const server = this.#servers.get(role) ?? await startServer(name);
    this.#servers.set(role, server);
    if (scenario.fillMib > 0 && !this.#filled.has(role)) {
      say(`  filling ${name} with ${scenario.fillMib} MiB`);
      await runLoad(server, fillArguments(scenario));
      await runLoad(server, [...scenario.load, "--verify", "--once"]);
      this.#filled.add(role);
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.values()) await server.stop();
    this.#servers.clear();
    this.#filled.clear();
  }
}

function fillArguments(scenario: Scenario): string[] {
  const topic = ["--topic", FETCH_TOPIC, "--create", "--config", "durability=os"];
  return ["fill", ...topic, "--batch", "16384", "--mib", String(scenario.fillMib)];
}

/** One run of one server; a fresh server is started for it and stopped after it. */
async function runOnce(
  role: Role,
  name: ServerName,
  scenario: Scenario,
  standing: Standing,
  seconds: number,
): Promise<Run> {
  if (scenario.touchMib > 0) await touchMemory(scenario.touchMib);
  const server = scenario.isFresh
    ? await startServer(name)
    : await standing.get(role, name, scenario);
  const window = Math.min(seconds, scenario.secondsMax);
  const args = [...scenario.load, "--warmup", String(WARM_UP_SECONDS), "--seconds", String(window)];
  if (args[0] === "produce") args.push("--config", `durability=${scenario.level}`);
  try {
    const measured = await runLoad(server, args);
    return { server: name, measured };
  } finally {
    if (scenario.isFresh) await server.stop();
  }
}

async function runPair(
  runtime: ServerName,
  scenario: Scenario,
  standing: Standing,
  options: Options,
  number: number,
): Promise<Pair> {
  const run = (role: Role) =>
    runOnce(role, role === "ours" ? runtime : "limit", scenario, standing, options.seconds);
  const first = number % 2 === 0 ? await run("ours") : null;
  const limitRun = await run("limit");
  const pair: Pair = { ours: first ?? await run("ours"), limit: limitRun };
  const [ours, limit] = [pair.ours.measured, pair.limit.measured];
  const ratio = throughput(scenario, ours) / throughput(scenario, limit);
  say(
    `  pair ${number + 1}: ${runtime} ${short(throughput(scenario, ours))}/s p99 ${
      digits(ours.p99Us)
    } µs, C ${short(throughput(scenario, limit))}/s p99 ${digits(limit.p99Us)} µs, ratio ${
      digits(ratio)
    }, foreign CPU ${percent(foreignShareOf(pair))}`,
  );
  return pair;
}

/**
 * The pairs of a scenario. One that was disturbed by other programs is measured again, as often
 * as pairs are wanted at the most; gives back how many were left out. On a busy machine all
 * count, and the column of foreign CPU says so.
 */
async function runPairs(
  runtime: ServerName,
  scenario: Scenario,
  standing: Standing,
  options: Options,
  pairs: Pair[],
): Promise<number> {
  let disturbed = 0;
  for (let number = 0; pairs.length < options.pairs; number += 1) {
    const pair = await runPair(runtime, scenario, standing, options, number);
    const foreign = foreignShareOf(pair);
    const isDisturbed = foreign > FOREIGN_SHARE_MAX[scenario.level];
    if (isDisturbed && disturbed < options.pairs / 2) disturbed += 1;
    else pairs.push(pair);
  }
  return disturbed;
}

function foreignShareOf(pair: Pair): number {
  return Math.max(
    foreignShare(pair.ours.measured, CORES),
    foreignShare(pair.limit.measured, CORES),
  );
}

/** All scenarios of a runtime. What fails is said and left out; the other figures still count. */
async function runRuntime(runtime: ServerName, options: Options): Promise<Result[]> {
  const results: Result[] = [];
  const standing = new Standing();
  try {
    for (const scenario of options.scenarios) {
      say(`${runtime}: ${scenario.title}, level ${scenario.level} (${scenario.name})`);
      const pairs: Pair[] = [];
      let disturbed = 0;
      try {
        disturbed = await runPairs(runtime, scenario, standing, options, pairs);
      } catch (error) {
        say(`  FAILED: ${(error as Error).message}`);
        process.exitCode = 1;
        await standing.stop();
      }
      if (pairs.length > 0) results.push({ scenario, runtime, pairs, disturbed });
    }
  } finally {
    await standing.stop();
  }
  return results;
}

async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(DIST, { recursive: true });
  buildPrograms();
  const runtimes = options.runtimes.filter((name) => name !== "limit");
  const environment = describeEnvironment("npm run bench --", runtimes);
  const results: Result[] = [];
  for (const runtime of options.runtimes) results.push(...await runRuntime(runtime, options));
  const report = renderReport(environment, results);
  const name = `run-${environment.date.replace(/\D/g, "")}`;
  writeFileSync(join(DIST, `${name}.json`), JSON.stringify({ environment, results }, null, 1));
  writeFileSync(join(DIST, `${name}.md`), report);
  process.stdout.write(report);
  say(`raw figures: dist/bench/${name}.json`);
}

try {
  await main();
} catch (error) {
  say(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
