/**
 * `sluice bench`: makes topics, loads them, follows them, reads them again, and says how it went.
 *
 *     topics -> connections -> [warm-up | window] -> last answers -> catch-up -> verdict
 *
 * A signal ends the window early, and there is no catch-up then; the verdict is of what was sent.
 *
 * Invariant: what is printed was verified: every record that was acknowledged was read once by
 * every reader of its partition, in order and unchanged, or the faults are in the report.
 */

import { Admin } from "../client/admin.ts";
import { Connection } from "../client/connection.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../limits.ts";
import { operation } from "../native/operations.ts";
import { VERSION } from "../version.ts";
import { ChainWriter, filledBlock } from "./bench/chain.ts";
import { Figures, type Window } from "./bench/figures.ts";
import { type PartitionName, Reader } from "./bench/reader.ts";
import { type BenchReport, reportOf, reportText, type RunResult } from "./bench/report.ts";
import { sampleBoth } from "./bench/usage.ts";
import { type Target, Writer } from "./bench/writer.ts";
import type { BenchCommand } from "./bench_command.ts";
import { chooseBroker, withBroker } from "./broker_connection.ts";
import { isTerminal, terminalColumns } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError } from "./output.ts";
import { sayCutShort } from "./report.ts";
import { watchSignals } from "./signals.ts";
import { printOne } from "./table.ts";

/** Between the last connection and the first record. */
const SETTLE_MS = 100;
/** A consumer that gets nothing for so long gets nothing any more. */
const SILENCE_MS = 10_000;
const POLL_MS = 20;
/** Chains are numbered by producer and partition. */
const CHAIN_PARTITIONS = 65_536;

export async function bench(command: BenchCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    return await benchUntil(command, connection, watchSignals());
  });
}

async function benchUntil(
  command: BenchCommand,
  connection: Connection,
  signal: AbortSignal,
): Promise<ExitCode> {
  const run = new Run(command, connection, signal);
  try {
    const report = await run.run();
    if (report === null) return sayCutShort("nothing was measured");
    await printOne(command, report, reportText(report));
    if (!report.isSound) return ExitCode.failed;
    return report.isCutShort ? sayCutShort("less was measured than was wanted") : ExitCode.success;
  } finally {
    await run.close();
  }
}

class Run {
  readonly #command: BenchCommand;
  readonly #connection: Connection;
  readonly #admin: Admin;
  readonly #signal: AbortSignal;
  readonly #connections: Connection[] = [];
  readonly #topics: string[] = [];
  readonly #partitions: PartitionName[] = [];

  constructor(command: BenchCommand, connection: Connection, signal: AbortSignal) {
    this.#command = command;
    this.#connection = connection;
    this.#admin = new Admin(connection);
    this.#signal = signal;
  }

  /** Null when a signal came before the first record was sent. */
  async run(): Promise<BenchReport | null> {
    const { consumers, catchUp, warmUp, seconds } = this.#command;
    await this.#createTopics();
    const targets = await this.#openTargets();
    const window: Window = { beganMs: Infinity, startMs: Infinity, endMs: Infinity };
    const tails = await this.#follow(consumers, window);
    this.#say("");
    if (this.#signal.aborted) return null;
    window.beganMs = performance.now() + SETTLE_MS;
    window.startMs = window.beganMs + warmUp * 1000;
    window.endMs = window.startMs + seconds * 1000;
    const result = await this.#load(targets, window);
    const counts = this.#countsOf(targets);
    await this.#finishTails(tails, counts);
    const later = await this.#catchUp(catchUp, window, counts);
    return reportOf(this.#command, result, tails, later, this.#signal.aborted);
  }

  /** Removes the topics and ends the connections. */
  async close(): Promise<void> {
    this.#say("");
    for (const connection of this.#connections) connection.close();
    if (this.#command.keep) return;
    for (const topic of this.#topics) await this.#admin.deleteTopic(topic).catch(() => {});
  }

  #brokerOf(): { broker: string; address: string } {
    const connection = this.#connection;
    return { broker: connection.broker.brokerVersion, address: connection.address };
  }

  async #createTopics(): Promise<void> {
    const { config, partitions } = this.#command;
    const name = `bench-${Date.now().toString(36)}`;
    for (let made = 0; made < partitions && !this.#signal.aborted;) {
      const count = Math.min(PARTITIONS_PER_TOPIC_MAX, partitions - made);
      const topic = `${name}-${this.#topics.length}`;
      this.#say(`creating ${topic}: ${made} of ${partitions} partitions`);
      await this.#admin.createTopic(topic, { partitions: count, config });
      this.#topics.push(topic);
      for (let partition = 0; partition < count; partition += 1) {
        this.#partitions.push({ topic, partition });
      }
      made += count;
    }
  }

  /** Of each producer the partitions it writes to, in its turn. */
  async #openTargets(): Promise<ProducerTargets[]> {
    const { producers, size } = this.#command;
    const all: ProducerTargets[] = [];
    for (let producer = 0; producer < producers && !this.#signal.aborted; producer += 1) {
      this.#say(`opening the partitions of producer ${producer + 1} of ${producers}`);
      const connection = await this.#connect();
      const block = filledBlock(size);
      const partitions = shareOf(this.#partitions.length, producers, producer);
      const targets: Target[] = [];
      for (const index of partitions) {
        if (this.#signal.aborted) break;
        const row = operation("open_partition");
        const { handle } = await connection.request(row, this.#partitions[index]!);
        const chain = new ChainWriter(producer * CHAIN_PARTITIONS + index, block, size);
        targets.push({ handle, chain });
      }
      all.push({ connection, block, partitions, targets });
    }
    return all;
  }

  async #follow(consumers: number, window: Window): Promise<Tails> {
    const figures = new Figures(window);
    const stop = new AbortController();
    const readers: FollowingReader[] = [];
    for (let consumer = 0; consumer < consumers && !this.#signal.aborted; consumer += 1) {
      this.#say(`subscribing consumer ${consumer + 1} of ${consumers}`);
      const partitions = shareOf(this.#partitions.length, consumers, consumer);
      const reader = new Reader(window, figures);
      const names = partitions.map((index) => this.#partitions[index]!);
      const { ended } = await reader.follow(await this.#connect(), names, stop.signal);
      readers.push({ reader, partitions, ended });
    }
    return { readers, figures, stop };
  }

  async #load(
    producers: readonly ProducerTargets[],
    window: Window,
  ): Promise<RunResult> {
    const { rate, size, batch, inFlight, acks } = this.#command;
    const acknowledged = new Figures(window);
    const late = new Figures(window);
    const writers = producers.map(({ connection, block, targets }) => {
      const shape = { connection, targets, block, size, batch, inFlight, acks, acknowledged, late };
      const share = rate / producers.length;
      return new Writer({ ...shape, rate: share, startMs: window.beganMs, endMs: window.endMs });
    });
    const ended = Promise.all(writers.map((writer) => writer.run(this.#signal)));
    const usage = await this.#watch(window, ended);
    await ended;
    // A signal ends the window early.
    const measuredMs = Math.max(1, Math.min(window.endMs, performance.now()) - window.startMs);
    const sent = writers.reduce((sum, writer) => sum + writer.sent, 0);
    const levels = writers.flatMap(({ level }) => level === null ? [] : [level]);
    const level = levels.length === 0 ? 0 : Math.min(...levels);
    return {
      acknowledged,
      late,
      sent,
      level,
      usage,
      seconds: measuredMs / 1000,
      ...this.#brokerOf(),
    };
  }

  /** CPU and memory of both sides at both ends of the window, or where the writers end early. */
  async #watch(window: Window, ended: Promise<unknown>): Promise<RunResult["usage"]> {
    let hasEnded = false;
    const end = (): void => void (hasEnded = true);
    const stopped = ended.then(end, end);
    await sleepUntil(window.startMs, stopped);
    const before = await sampleBoth(this.#admin);
    while (performance.now() < window.endMs && !hasEnded) {
      await sleepUntil(Math.min(window.endMs, performance.now() + 1000), stopped);
      const leftMs = Math.max(0, window.endMs - performance.now());
      this.#say(`loading, ${Math.ceil(leftMs / 1000)} s to go`);
    }
    this.#say("");
    return { before, after: await sampleBoth(this.#admin) };
  }

  /** Records that were sent to each partition. */
  #countsOf(producers: readonly ProducerTargets[]): number[] {
    const counts = new Array<number>(this.#partitions.length).fill(0);
    for (const { partitions, targets } of producers) {
      for (const [at, index] of partitions.entries()) counts[index]! += targets[at]!.chain.count;
    }
    return counts;
  }

  /** Waits until the consumers have everything, or get nothing any more. */
  async #finishTails({ readers, stop }: Tails, counts: readonly number[]): Promise<void> {
    for (const following of readers) {
      const { reader, partitions, ended } = following;
      following.expected = sumOf(counts, partitions);
      let failed = false;
      ended.catch(() => failed = true);
      let seen = -1;
      let sinceMs = performance.now();
      while (reader.records < following.expected && !failed) {
        if (reader.records !== seen) sinceMs = performance.now();
        seen = reader.records;
        if (performance.now() - sinceMs > SILENCE_MS) break;
        await new Promise((wake) => setTimeout(wake, POLL_MS));
      }
    }
    stop.abort();
    await Promise.all(readers.map(({ ended }) => ended));
  }

  async #catchUp(
    readers: number,
    window: Window,
    counts: readonly number[],
  ): Promise<Later> {
    if (readers === 0 || this.#signal.aborted) return NOTHING_LATER;
    this.#say("reading everything again");
    const before = await this.#admin.stats();
    const beganMs = performance.now();
    const all = shares(this.#partitions.length, readers);
    const done = await Promise.all(all.map(async (partitions) => {
      const reader = new Reader(window, null);
      const names = partitions.map((index) => this.#partitions[index]!);
      await reader.catchUp(await this.#connect(), names, this.#signal);
      return { reader, expected: sumOf(counts, partitions) };
    }));
    const seconds = (performance.now() - beganMs) / 1000;
    this.#say("");
    if (this.#signal.aborted) return NOTHING_LATER;
    return { readers: done, seconds, before, after: await this.#admin.stats() };
  }

  async #connect(): Promise<Connection> {
    const address = await chooseBroker(this.#command.broker);
    const connection = await Connection.connect(address, { clientName: `sluice-bench ${VERSION}` });
    this.#connections.push(connection);
    return connection;
  }

  /** One line on a terminal, in place of the one before. */
  #say(text: string): void {
    if (!isTerminal("stderr")) return;
    printError(`\r\x1b[K${text.slice(0, terminalColumns("stderr") ?? text.length)}`);
  }
}

interface ProducerTargets {
  readonly connection: Connection;
  readonly block: ReturnType<typeof filledBlock>;
  /** Indexes of the partitions of `targets`. */
  readonly partitions: readonly number[];
  readonly targets: readonly Target[];
}

interface FollowingReader {
  readonly reader: Reader;
  readonly partitions: readonly number[];
  readonly ended: Promise<void>;
  expected?: number;
}

export interface Tails {
  readonly readers: readonly FollowingReader[];
  readonly figures: Figures;
  readonly stop: AbortController;
}

/** What was read afterwards. */
export interface Later {
  readonly readers: readonly { readonly reader: Reader; readonly expected: number }[];
  readonly seconds: number;
  /** Counters of the broker around it. */
  readonly before: readonly { readonly name: string; readonly value: number }[];
  readonly after: readonly { readonly name: string; readonly value: number }[];
}

function sleepUntil(timeMs: number, stopped: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slept = new Promise<void>((wake) => {
    timer = setTimeout(wake, Math.max(0, timeMs - performance.now()));
  });
  return Promise.race([slept, stopped]).finally(() => clearTimeout(timer));
}

const NOTHING_LATER: Later = { readers: [], seconds: 0, before: [], after: [] };

/** The partitions of one of several; each partition has one, or, when there are too few, more. */
export function shareOf(partitions: number, all: number, which: number): number[] {
  if (partitions < all) return [which % partitions];
  const share: number[] = [];
  for (let index = which; index < partitions; index += all) share.push(index);
  return share;
}

function shares(partitions: number, all: number): number[][] {
  return Array.from({ length: all }, (_, which) => shareOf(partitions, all, which));
}

function sumOf(counts: readonly number[], indexes: readonly number[]): number {
  return indexes.reduce((sum, index) => sum + counts[index]!, 0);
}
