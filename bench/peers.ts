/**
 * Start to the first acknowledged record and memory at rest, of Sluice and of its peers, side by
 * side in one run.
 *
 *     spawn -> connect as soon as it listens -> one record acknowledged -> 2 s -> memory
 *
 *     --rounds N     default 5, in alternating order       --only NAME    may be repeated
 *
 * Each measurement starts a new process on a new directory. A peer that cannot be had is skipped,
 * with the reason. How durable each acknowledgement is stands in the table: they are not equal.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { removeScratch, scratchDirectory } from "../scripts/scratch.ts";
import { DIST } from "./build.ts";
import {
  chooseRuntimes,
  CORES,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { kafka } from "./peers/kafka.ts";
import { nats } from "./peers/nats.ts";
import { freePort, type Peer } from "./peers/peer.ts";
import { redis } from "./peers/redis.ts";
import { sluice } from "./peers/sluice.ts";
import { between, type Memory, memoryOf, sample, threadsOf } from "./processes.ts";
import { runRounds } from "./rounds.ts";
import { digits, percent, withRange } from "./statistics.ts";

const IDLE_MS = 2000;

interface Figure {
  readonly acknowledgedMs: number;
  readonly memory: Memory;
  readonly threads: number;
  readonly idleCpuMs: number;
  readonly foreignShare: number;
}

const COLUMNS = [
  "broker",
  "an acknowledgement means",
  "first record acknowledged, ms",
  "RSS MiB",
  "anonymous MiB",
  "threads",
  "CPU ms of 2 s idle",
  "foreign CPU, most",
];

async function measure(peer: Peer): Promise<Figure> {
  const directory = scratchDirectory(DIST);
  const port = await freePort();
  try {
    const started = await peer.start(directory, port);
    try {
      const acknowledgedMs = await started.acknowledge();
      const before = sample(started.pid);
      await pause(IDLE_MS);
      const memory = memoryOf(started.pid);
      const used = between(before, sample(started.pid), CORES);
      return {
        acknowledgedMs,
        memory,
        threads: threadsOf(started.pid),
        idleCpuMs: used.cpuSeconds * 1000,
        foreignShare: used.foreignShare,
      };
    } finally {
      await started.stop();
    }
  } finally {
    removeScratch(directory);
  }
}

function row(peer: Peer, all: readonly Figure[]): string {
  const of = (figure: (one: Figure) => number) => withRange(all.map(figure), digits);
  return tableRow([
    `${peer.name} (${peer.version()})`,
    peer.durability,
    of(({ acknowledgedMs }) => acknowledgedMs),
    of(({ memory }) => memory.residentMib),
    of(({ memory }) => memory.anonymousMib),
    of(({ threads }) => threads),
    of(({ idleCpuMs }) => idleCpuMs),
    percent(Math.max(...all.map(({ foreignShare }) => foreignShare))),
  ]);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      rounds: { type: "string", default: "5" },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  const count = Number(values.rounds);
  if (!(count >= 1)) throw new Error("--rounds is positive");
  mkdirSync(DIST, { recursive: true });
  const runtimes = chooseRuntimes(undefined);
  const all = [...runtimes.map(sluice), nats, redis, kafka].filter(({ name }) => {
    return values.only.length === 0 || values.only.some((start) => name.startsWith(start));
  });
  const skipped = all.flatMap((peer) => {
    const missing = peer.missing();
    return missing === null ? [] : [`- skipped: ${peer.name}: ${missing}`];
  });
  const peers = all.filter((peer) => peer.missing() === null);
  const variants = Object.fromEntries(peers.map((peer) => [peer.name, () => measure(peer)]));
  // Uncounted: the first start reads the program from the disk.
  for (const warmUp of Object.values(variants)) await warmUp();
  const rounds = await runRounds<string, Figure>(variants, {
    count,
    onRound: (round, number) => {
      for (const peer of peers) {
        process.stderr.write(`${number} ${row(peer, [round[peer.name]!])}\n`);
      }
    },
  });
  const environment = describeEnvironment("node scripts/under.mjs bench/peers.ts", runtimes);
  const lines = [
    ...environmentLines(environment),
    "- Warm: each program was started once before, uncounted. Commands:",
    ...peers.map((peer) => `  - ${peer.name}: \`${peer.command}\``),
    ...skipped,
    "",
    ...tableHead(COLUMNS),
    ...peers.map((peer) => row(peer, rounds.counted.map((round) => round[peer.name]!))),
  ];
  writeFileSync(join(DIST, "peers.json"), JSON.stringify({ environment, rounds }, null, 1));
  process.stdout.write(`${lines.join("\n")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`peers: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
