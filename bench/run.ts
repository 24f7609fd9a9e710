/**
 * `npm run bench`: Sluice beside C programs of the same shape, in alternating rounds.
 *
 *     for each runtime and scenario:   S C W | W C S | S C W | …    S Sluice, C limit server,
 *                                                                   W limit server with short wait
 *
 * Progress goes to stderr, the table and the goals for docs/LEDGER.md to stdout, all raw figures to
 * dist/bench/.
 *
 *     --only NAME        scenarios whose name begins so; may be repeated: fetch, append, append-os
 *     --beside NAME      only these ways of the C program; may be repeated; scenarios.ts has them
 *     --runtime NAME     bun or deno, default both; limit measures C against itself: the noise
 *     --rounds N         default 5         --seconds S    window, default 2
 *     --quick            two rounds of half a second
 *     --resume           goes on where a run of the same options and commit was broken off
 *
 * Invariant: no figure is printed for a run in which one reply was wrong: the load ends with an
 * error.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { buildPrograms, DIST } from "./build.ts";
import { chooseRuntimes, CORES, describeEnvironment, type Environment } from "./environment.ts";
import { FIGURES, foreignShare } from "./figures.ts";
import { renderReport, type Result, type Role, variantOf, verdicts } from "./report.ts";
import { type Round, runRounds } from "./rounds.ts";
import {
  type Case,
  FETCH_TOPIC,
  type Scenario,
  SCENARIOS,
  type Yardstick,
  YARDSTICKS,
} from "./scenarios.ts";
import {
  type Measured,
  runLoad,
  runProgram,
  type Server,
  type ServerName,
  startServer,
  touchMemory,
} from "./servers.ts";
import { digits, percent, short } from "./statistics.ts";

/** Above it a round is disturbed. At level fsync the kernel's sync workers alone take up to 0.3. */
const FOREIGN_SHARE_MAX = { os: 0.15, fsync: 0.35 } as const;
const MIB = 1 << 20;
const UNFINISHED = join(DIST, "unfinished.json");

interface Options {
  readonly runtimes: readonly ServerName[];
  readonly scenarios: readonly Scenario[];
  readonly beside: readonly Yardstick[];
  readonly rounds: number;
  readonly seconds: number;
  readonly resume: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      quick: { type: "boolean", default: false },
      resume: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      beside: { type: "string", multiple: true, default: [] },
      runtime: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
    },
  });
  const wanted = values.only;
  const scenarios = SCENARIOS.filter(({ name }) =>
    wanted.length === 0 || wanted.some((start) => name.startsWith(start))
  );
  const runtimes: ServerName[] = values.runtime === "limit"
    ? ["limit"]
    : chooseRuntimes(values.runtime);
  const beside = values.beside.filter((name): name is Yardstick => name in YARDSTICKS);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 0.5 : 2));
  if (scenarios.length === 0) {
    throw new Error(`--only: one of ${SCENARIOS.map(({ name }) => name).join(", ")}`);
  }
  if (beside.length < values.beside.length) {
    throw new Error(`--beside: one of ${Object.keys(YARDSTICKS).join(", ")}`);
  }
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error("--rounds and --seconds are positive");
  return { runtimes, scenarios, beside, rounds, seconds, resume: values.resume };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * What a fresh server gets before its run: the compilers of the runtimes work in other threads for
 * the first second or two. Small batches of another topic, so that no memory is filled.
 */
const FIRST_LOAD = ["produce", "--batch", "128", "--connections", "16", "--in-flight", "16"]
  .concat(["--config", "durability=os", "--warmup", "0", "--seconds", "2"]);

/** The same for a server that is read from: thousands of fetches until the compilers are done. */
const FIRST_READS = ["--warmup", "0", "--seconds", "8"];

/** Servers that stay for all scenarios that do not ask for fresh ones, filled at first need. */
class Standing {
  readonly #servers = new Map<Role, Server>();
  readonly #filled = new Set<Role>();

  async get(role: Role, runtime: ServerName, scenario: Scenario): Promise<Server> {
    const server = this.#servers.get(role) ?? await startRole(role, runtime);
    this.#servers.set(role, server);
    if (scenario.fillMib > 0 && !this.#filled.has(role)) {
      say(`  filling ${role === "ours" ? runtime : role} with ${scenario.fillMib} MiB`);
      await runLoad(server, fillArguments(scenario));
      await readBack(server);
      await runLoad(server, [...scenario.cases[0]!.load, "--verify", "--once"]);
      await runLoad(server, [...scenario.cases.at(-1)!.load, ...FIRST_READS]);
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

function startRole(role: Role, runtime: ServerName): Promise<Server> {
  if (role === "ours") return startServer(runtime);
  return startServer("limit", { serverFlags: YARDSTICKS[role].serverFlags });
}

function fillArguments(scenario: Scenario): string[] {
  const topic = ["--topic", FETCH_TOPIC, "--create", "--config", "durability=os"];
  return ["fill", ...topic, "--batch", "16384", "--mib", String(scenario.fillMib)];
}

/**
 * Puts the log out of the page cache and reads it back, so that its pages are as large as the
 * kernel's read-ahead makes them, and not as large as a server's writes were: `sendfile` of pages
 * of 4 KiB takes twice the processor time that it takes of 256 KiB.
 */
async function readBack(server: Server): Promise<void> {
  const directory = join(server.data, `${FETCH_TOPIC}-0`);
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  const files = names.map((name) => join(directory, name));
  await runProgram(["evict", ...files]);
  const block = new Uint8Array(MIB);
  for (const file of files) {
    const fd = openSync(file, "r");
    while (readSync(fd, block) > 0) continue;
    closeSync(fd);
  }
}

/** One run of one server; a fresh server is started for it and stopped after it. */
async function runOnce(
  one: Case,
  role: Role,
  run: { runtime: ServerName; scenario: Scenario; standing: Standing; seconds: number },
): Promise<Measured> {
  const { runtime, scenario, standing } = run;
  const server = scenario.isFresh
    ? await startRole(role, runtime)
    : await standing.get(role, runtime, scenario);
  if (scenario.isFresh) await runLoad(server, FIRST_LOAD);
  if (scenario.touchMib > 0) await touchMemory(scenario.touchMib);
  const seconds = String(Math.min(run.seconds, scenario.secondsMax));
  const window = ["--warmup", String(scenario.warmUpSeconds), "--seconds", seconds];
  try {
    return await runLoad(server, [...one.load, ...window]);
  } finally {
    if (scenario.isFresh) await server.stop();
  }
}

/** The rounds of a scenario: each case by Sluice and by all that runs beside it. */
async function runScenario(
  runtime: ServerName,
  scenario: Scenario,
  standing: Standing,
  options: Options,
): Promise<Result> {
  const variants: Record<string, () => Promise<Measured>> = {};
  const run = { runtime, scenario, standing, seconds: options.seconds };
  for (const one of scenario.cases) {
    const yardsticks = (Object.keys(one.beside) as Yardstick[]).filter((name) =>
      options.beside.length === 0 || options.beside.includes(name)
    );
    for (const role of ["ours", ...yardsticks] as const) {
      variants[variantOf(one, role)] = () => runOnce(one, role, run);
    }
  }
  const most = (round: Round<string, Measured>) =>
    Math.max(...Object.values(round).map((measured) => foreignShare(measured, CORES)));
  const rounds = await runRounds(variants, {
    count: options.rounds,
    isDisturbed: (round) => most(round) > FOREIGN_SHARE_MAX[scenario.level],
    onRound: (round, number) => {
      for (const [name, measured] of Object.entries(round)) {
        const speed = short(FIGURES[scenario.throughput](measured));
        say(
          `  ${number} ${name}: ${speed} ${scenario.throughput}, p99 ${digits(measured.p99Us)} µs`,
        );
      }
      say(`  ${number} foreign CPU ${percent(most(round))}`);
    },
  });
  return { scenario, runtime, rounds };
}

/** All scenarios of a runtime. What fails is said and left out; the other figures still count. */
async function runRuntime(runtime: ServerName, options: Options, progress: Progress) {
  const standing = new Standing();
  try {
    for (const scenario of options.scenarios) {
      if (progress.has(runtime, scenario)) continue;
      say(`${runtime}: ${scenario.name}`);
      try {
        const result = await runScenario(runtime, scenario, standing, options);
        progress.add(result);
        for (const { line } of verdicts(result)) say(`  ${line}`);
      } catch (error) {
        say(`  FAILED: ${(error as Error).message}`);
        process.exitCode = 1;
        await standing.stop();
      }
    }
  } finally {
    await standing.stop();
  }
}

/** Results on disk after every scenario, so that a run that was broken off can go on. */
class Progress {
  readonly results: Result[] = [];
  readonly #key: string;
  readonly #environment: Environment;

  constructor(environment: Environment, { rounds, seconds, beside, resume }: Options) {
    this.#environment = environment;
    this.#key = JSON.stringify([environment.commit, rounds, seconds, beside]);
    if (!resume || !existsSync(UNFINISHED)) return;
    const saved = JSON.parse(readFileSync(UNFINISHED, "utf8"));
    if (saved.key === this.#key) this.results.push(...saved.results);
    say(`${this.results.length} results of the run before`);
  }

  has(runtime: ServerName, scenario: Scenario): boolean {
    return this.results.some((one) =>
      one.runtime === runtime && one.scenario.name === scenario.name
    );
  }

  add(result: Result): void {
    this.results.push(result);
    writeFileSync(UNFINISHED, JSON.stringify({ key: this.#key, results: this.results }));
  }

  /** Writes raw figures and report; gives back the report. */
  finish(): string {
    const environment = this.#environment;
    const report = renderReport(environment, this.results);
    const name = `run-${environment.date.replace(/\D/g, "")}`;
    const raw = JSON.stringify({ environment, results: this.results }, null, 1);
    writeFileSync(join(DIST, `${name}.json`), raw);
    writeFileSync(join(DIST, `${name}.md`), report);
    rmSync(UNFINISHED, { force: true });
    say(`raw figures: dist/bench/${name}.json`);
    return report;
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(DIST, { recursive: true });
  buildPrograms();
  const runtimes = options.runtimes.filter((name) => name !== "limit");
  const progress = new Progress(describeEnvironment("npm run bench --", runtimes), options);
  for (const runtime of options.runtimes) await runRuntime(runtime, options, progress);
  process.stdout.write(progress.finish());
}

try {
  await main();
} catch (error) {
  say(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
