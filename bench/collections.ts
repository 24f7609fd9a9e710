/**
 * Collections, not growth: ten million small appends and ten million small fetches against
 * Sluice, with the runtime's own trace of its garbage collections.
 *
 *     start | 1 M appends | 9 M appends | 1 M fetches | 9 M fetches      a row of the table each
 *
 * The trace of a phase is what the server wrote while it ran, of all its threads together:
 * BUN_JSC_logGC=1 under Bun, --trace-gc under Deno. A "longest pause" is of one collection; the
 * longest reply beside it is what a client saw, whatever the reason was.
 *
 *     --runtime bun|deno    default both        --count N    default 10,000,000
 *
 * Invariant: resident memory after the first million and after all of them is read from the same
 * process.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { RuntimeName } from "../scripts/runtime.mjs";
import { buildPrograms, DIST, versionOf } from "./build.ts";
import { chooseRuntimes } from "./environment.ts";
import { runLoad, type Server, type StartOptions, startServer } from "./servers.ts";
import { digits, short } from "./statistics.ts";

const TRACING: Readonly<Record<RuntimeName, StartOptions>> = {
  bun: { env: { BUN_JSC_logGC: "1" } },
  deno: { runtimeFlags: ["--v8-flags=--trace-gc"] },
};

interface Collections {
  /** Young: Eden, Scavenge. Full: FullCollection, Mark-Compact. */
  readonly young: number;
  readonly full: number;
  readonly longestPauseMs: number;
}

interface Phase {
  readonly runtime: RuntimeName;
  readonly name: string;
  readonly collections: Collections;
  readonly rssMib: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly longestReplyUs: number;
}

/** What a trace says; both formats are told apart by their own words. */
export function readTrace(trace: string): Collections {
  const count = (pattern: RegExp) => (trace.match(pattern) ?? []).length;
  const pauses = [
    ...trace.matchAll(/\bp=([\d.]+)ms/g), // JavaScriptCore: each stop of a collection
    ...trace.matchAll(/ ms: (?:Scavenge|Mark-Compact|Minor)[^/\n]*?([\d.]+) \/ [\d.]+ ms/g), // V8
  ];
  return {
    young: count(/=> EdenCollection\b/g) + count(/ ms: (?:Scavenge|Minor)\b/g),
    full: count(/=> FullCollection\b/g) + count(/ ms: Mark-Compact\b/g),
    longestPauseMs: Math.max(0, ...pauses.map((pause) => Number(pause[1]))),
  };
}

async function runPhase(
  server: Server,
  runtime: RuntimeName,
  name: string,
  args: readonly string[],
): Promise<Phase> {
  const traceBefore = server.output().length;
  const measured = await runLoad(server, [...args, "--topic", "collections"]);
  const phase: Phase = {
    runtime,
    name,
    collections: readTrace(server.output().slice(traceBefore)),
    rssMib: measured.serverResidentMib,
    perSecond: measured.operationsPerSecond,
    p50Us: measured.p50Us,
    p99Us: measured.p99Us,
    longestReplyUs: measured.maxUs,
  };
  process.stderr.write(`${rowOf(phase)}\n`);
  return phase;
}

async function runRuntime(runtime: RuntimeName, count: number): Promise<Phase[]> {
  const server = await startServer(runtime, TRACING[runtime]);
  const first = Math.ceil(count / 10);
  const rest = count - first;
  const create = ["--create", "--config", "durability=os"];
  const append = (number: number) => ["small-append", "--batch", "128", "--count", String(number)];
  const fetch = (
    number: number,
  ) => ["small-fetch", "--max-bytes", "128", "--count", String(number)];
  try {
    const starting = readTrace(server.output());
    process.stderr.write(`${runtime}: ${starting.young + starting.full} collections at start\n`);
    return [
      await runPhase(server, runtime, `first ${short(first)} appends`, [
        ...append(first),
        ...create,
      ]),
      await runPhase(server, runtime, `next ${short(rest)} appends`, append(rest)),
      await runPhase(server, runtime, `first ${short(first)} fetches`, fetch(first)),
      await runPhase(server, runtime, `next ${short(rest)} fetches`, fetch(rest)),
    ];
  } finally {
    await server.stop();
  }
}

const COLUMNS = [
  "runtime",
  "phase",
  "young",
  "full",
  "longest pause ms",
  "RSS after, MiB",
  "per second",
  "p50 / p99 µs",
  "longest reply ms",
];

function rowOf(phase: Phase): string {
  const { collections } = phase;
  return `| ${
    [
      phase.runtime,
      phase.name,
      String(collections.young),
      String(collections.full),
      collections.longestPauseMs.toFixed(2),
      phase.rssMib.toFixed(1),
      short(phase.perSecond),
      `${digits(phase.p50Us)} / ${digits(phase.p99Us)}`,
      digits(phase.longestReplyUs / 1000),
    ].join(" | ")
  } |`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { runtime: { type: "string" }, count: { type: "string", default: "10000000" } },
  });
  const count = Number(values.count);
  const runtimes = chooseRuntimes(values.runtime);
  if (!(count >= 10)) throw new Error("--count is a number of at least 10");
  mkdirSync(DIST, { recursive: true });
  buildPrograms();
  const phases: Phase[] = [];
  for (const runtime of runtimes) phases.push(...await runRuntime(runtime, count));
  const versions = runtimes.map((name) => versionOf(name));
  const table = [
    `| ${COLUMNS.join(" | ")} |`,
    `| ${COLUMNS.map(() => "---").join(" | ")} |`,
    ...phases.map(rowOf),
  ];
  writeFileSync(join(DIST, "collections.json"), JSON.stringify({ versions, phases }, null, 1));
  process.stdout.write(`- Versions: ${versions.join("; ")}\n\n${table.join("\n")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`collections: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
