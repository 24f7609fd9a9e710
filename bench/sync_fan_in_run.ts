/**
 * The measured part of sync_fan_in.ts, in a process of its own: partitions, a broker and one
 * `Syncer` per way, without sockets. The main thread is the shard; workers are those of the server.
 *
 *     append 1 KiB to N partitions | request -> wait for the eventfds -> reap … until N are durable
 *                                   \-- ms per group ------------------------------------------/
 *
 * Invariant: every group begins with all partitions synced, and ends so.
 */
import process from "node:process";
import { libc } from "#ffi";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../ffi/constants.ts";
import type { Memory } from "../ffi/libc.ts";
import { JOB_RING_BYTES } from "../src/base/job_ring.ts";
import { Broker, type Door } from "../src/broker/broker.ts";
import { completeAppends, flushAppended } from "../src/broker/produce.ts";
import { Topic, type TopicPartition } from "../src/broker/topics.ts";
import { BatchBuilder } from "../src/client/batch_builder.ts";
import { defaultTopicConfig } from "../src/format/topic_config.ts";
import { openPartitions } from "../src/log/open_partitions.ts";
import { PartitionKind, UNKNOWN } from "../src/log/opened_log.ts";
import { PartitionReader } from "../src/log/read.ts";
import { LogPoint, Segment } from "../src/log/segment.ts";
import { SegmentStore } from "../src/log/segment_store.ts";
import { Walk } from "../src/log/walk.ts";
import { Poller } from "../src/net/poller.ts";
import { AIO_ALONE, Syncer, type SyncOptions } from "../src/server/sync.ts";

export const WAYS = ["AIO", "pool", "syncfs"] as const;
export type Way = typeof WAYS[number];

/** One way at one number of dirty partitions in one round. */
export interface Cell {
  readonly way: Way;
  readonly count: number;
  readonly groups: number;
  /** From the request for the group's syncs until the last is reaped: mean of the groups. */
  readonly groupMs: number;
  /** With the time that writing took. */
  readonly acksPerSecond: number;
  /** The longest call of io_submit, or of posting to the workers. */
  readonly submitUsMax: number;
}

export interface FanIn {
  readonly cells: readonly Cell[];
}

const BATCH_SIZE = 1024;
const GROUPS_MIN = 3;
const OPENED_AT_ONCE = 500;
const WORKERS: Readonly<Record<Way, number>> = { AIO: 0, pool: 4, syncfs: 1 };
const SLOT = 1;

/** Nobody waits for an answer here. */
const DOOR: Door = {
  appendDone: () => {},
  fetchDone: () => {},
  logStartDone: () => {},
} as unknown as Door;

class Bench {
  readonly #store: SegmentStore;
  readonly #broker: Broker;
  readonly #dataFd: number;
  readonly #topic: Topic;
  readonly #batch: Memory;
  readonly #syncers: Map<Way, { syncer: Syncer; poller: Poller }> = new Map();

  constructor(data: string) {
    this.#dataFd = libc.openat(AT_FDCWD, data, O_RDONLY | O_DIRECTORY, 0);
    if (this.#dataFd < 0) throw new Error(`cannot open ${data}`);
    this.#store = new SegmentStore(libc, this.#dataFd, (fd) => void libc.close(fd));
    const nowhere = new LogPoint(new Segment(0, 0, null), 0, 0);
    this.#broker = new Broker(new PartitionReader(new Walk(this.#store), nowhere));
    this.#topic = new Topic("t", "01234567-89ab-4cde-8f01-23456789abcd", defaultTopicConfig(), []);
    this.#batch = oneBatch();
  }

  async start(way: Way): Promise<void> {
    const rings: SharedArrayBuffer[] = [];
    for (let i = 0; i < WORKERS[way]; i += 1) {
      const ring = new SharedArrayBuffer(JOB_RING_BYTES);
      const url = new URL("../src/server/sync_worker.ts", import.meta.url);
      const worker = new Worker(url.href, { type: "module" });
      const started = new Promise((resolve) => (worker.onmessage = resolve));
      worker.postMessage({ ring });
      await started;
      rings.push(ring);
    }
    const options: SyncOptions = {
      ...AIO_ALONE,
      rings,
      method: way === "pool" ? "pool" : "aio",
      fileSystemFd: way === "syncfs" ? libc.openat(this.#dataFd, ".", O_DIRECTORY, 0) : -1,
      fileSystemFilesMin: 1,
    };
    const syncer = new Syncer(libc, this.#broker, options);
    const poller = new Poller(libc);
    for (const wake of syncer.wakes) poller.add(wake.fd, SLOT, 0);
    this.#syncers.set(way, { syncer, poller });
  }

  /** Partitions that exist and are on disk. */
  open(count: number): void {
    const { partitions } = this.#topic;
    while (partitions.length < count) {
      const options = {
        directory: `t-${partitions.length}`,
        config: defaultTopicConfig(),
        kind: PartitionKind.own,
        leaderEpoch: 0,
        clean: true,
        recoveryPoint: UNKNOWN,
        logStart: UNKNOWN,
        progress: () => {},
      };
      const [opened] = openPartitions(this.#store, [options]);
      const partition = this.#broker.topics.addPartition(this.#topic, opened!.partition);
      this.#append(partition);
      if (partitions.length % OPENED_AT_ONCE === 0) this.#sync("AIO");
    }
    this.#sync("AIO");
  }

  cell(way: Way, count: number, ms: number): Cell {
    const { counters } = this.#syncers.get(way)!.syncer;
    counters.submitUs.clear();
    const beganMs = libc.monotonicMs();
    let syncMs = 0;
    let groups = 0;
    while (groups < GROUPS_MIN || libc.monotonicMs() - beganMs < ms) {
      for (let i = 0; i < count; i += 1) this.#append(this.#topic.partitions[i]!);
      syncMs += this.#sync(way);
      groups += 1;
    }
    const tookMs = libc.monotonicMs() - beganMs;
    return {
      way,
      count,
      groups,
      groupMs: syncMs / groups,
      acksPerSecond: count * groups * 1000 / tookMs,
      submitUsMax: counters.submitUs.max,
    };
  }

  stop(): void {
    for (const { syncer } of this.#syncers.values()) syncer.close();
  }

  #append(partition: TopicPartition): void {
    const { log } = partition;
    if (log.stage(this.#batch, 0, this.#batch.size) < 0) {
      throw new Error(`${log.directory}: refused`);
    }
    // At once: the next partition stamps its own offset into the same memory.
    if (log.flush() !== 0) throw new Error(`${log.directory}: not written`);
    this.#broker.queueAppended(partition);
  }

  /** Makes everything durable. Returns how long that took, in milliseconds. */
  #sync(way: Way): number {
    const { syncer, poller } = this.#syncers.get(way)!;
    flushAppended(this.#broker, libc.monotonicMs());
    completeAppends(this.#broker, DOOR);
    const beganMs = libc.monotonicMs();
    syncer.request(beganMs, false, DOOR);
    while (syncer.inFlight > 0) {
      poller.wait(-1);
      const nowMs = libc.monotonicMs();
      syncer.reap(nowMs, DOOR);
      syncer.request(nowMs, false, DOOR);
      if (syncer.failure !== "") throw new Error(syncer.failure);
    }
    this.#broker.moved.length = 0;
    this.#broker.attention.length = 0;
    return libc.monotonicMs() - beganMs;
  }
}

function oneBatch(): Memory {
  const builder = new BatchBuilder(BATCH_SIZE);
  let valueSize = BATCH_SIZE;
  while (!builder.fits(valueSize)) valueSize -= 1;
  builder.appendBytes(new Uint8Array(valueSize).fill(120));
  builder.finish(libc.wallMs());
  const memory = libc.allocate(builder.size);
  memory.bytes.set(builder.block.bytes.subarray(0, builder.size));
  return memory;
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv.at(-1)!) as Record<string, string>;
  const counts = options["counts"]!.split(",").map(Number);
  const bench = new Bench(options["data"]!);
  for (const way of WAYS) await bench.start(way);
  bench.open(Math.max(...counts));
  const cells: Cell[] = [];
  for (let round = 0; round < Number(options["rounds"]); round += 1) {
    for (const count of counts) {
      for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) {
        const cell = bench.cell(way, count, Number(options["ms"]));
        cells.push(cell);
        process.stderr.write(`${round + 1} ${JSON.stringify(cell)}\n`);
      }
    }
  }
  bench.stop();
  process.stdout.write(JSON.stringify({ cells } satisfies FanIn));
}

if (import.meta.main) {
  await main();
  process.exit(0);
}
