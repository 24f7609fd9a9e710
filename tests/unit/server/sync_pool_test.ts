/** Workers that sync: both ends of their rings, and a syncer that has them sync file systems. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { EAGAIN, EIO, errnoName, IOCB_CMD_FDSYNC } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { emptyJob, JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { runSyncs, SyncPool } from "../../../src/server/sync_pool.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { SyncWorld } from "../../support/sync_world.ts";

class PoolWorld {
  readonly memories: SharedArrayBuffer[];
  readonly pool: SyncPool;
  /** Calls of all workers, in their order. */
  readonly calls: unknown[][] = [];
  /** What a sync of a descriptor says. */
  readonly results: Map<number, number> = new Map();

  constructor(workers: number) {
    this.memories = Array.from({ length: workers }, () => new SharedArrayBuffer(JOB_RING_BYTES));
    this.pool = new SyncPool(libc, this.memories);
  }

  submit(...fds: number[]): number {
    fds.forEach((fd, i) => this.pool.prepare(i, IOCB_CMD_FDSYNC, fd, 1000 + fd));
    return this.pool.submit(fds.length);
  }

  get pending(): number[] {
    return this.memories.map((memory) => new JobRing(memory).pending);
  }

  /** The oldest job of a worker is over. */
  finish(worker: number, result: number = 0): void {
    const ring = new JobRing(this.memories[worker]!);
    ring.take(emptyJob());
    ring.done(result);
  }

  reap(): [number, number][] {
    const count = this.pool.reap();
    return Array.from({ length: count }, (_, i) => [this.pool.tag(i), this.pool.result(i)]);
  }

  /** Stops the pool and lets each worker do what is in its ring. */
  run(): void {
    this.pool.close();
    for (const memory of this.memories) runSyncs(this.#worker(), new JobRing(memory));
  }

  #worker(): Libc {
    const faulty = new FaultyLibc(libc);
    faulty.plan = (call, args) => {
      if (call === "allocate") return undefined;
      this.calls.push([call, args[0]]);
      if (call === "close" || call === "write") return undefined;
      return this.results.get(args[0] as number) ?? 0;
    };
    return faulty.libc;
  }
}

test("a sync goes to the worker with the fewest, and comes back with its tag and result", () => {
  const world = new PoolWorld(3);
  assert.equal(world.submit(50, 51, 52, 53), 4);
  assert.deepEqual(world.pending, [2, 1, 1]);
  world.finish(1);
  assert.deepEqual(world.reap(), [[1051, 0]]);
  world.submit(54);
  assert.deepEqual(world.pending, [2, 1, 1], "the one that had none got it");
  world.finish(0, -EIO);
  world.finish(2);
  assert.deepEqual(world.reap(), [[1050, -EIO], [1052, 0]]);
  assert.deepEqual(world.reap(), []);
  world.finish(0);
  world.finish(1);
  world.reap();
  world.run();
});

test("the worker syncs files and file systems, and raises its own eventfd behind each", () => {
  const world = new PoolWorld(1);
  const [wake] = world.pool.wakes;
  world.results.set(51, -EIO);
  world.submit(50, 51);
  assert.equal(world.pool.submitFileSystem(60, 0xffffffff), true);
  world.run();
  assert.deepEqual(world.calls, [
    ["fdatasync", 50],
    ["write", wake!.fd],
    ["fdatasync", 51],
    ["write", wake!.fd],
    ["syncfs", 60],
    ["write", wake!.fd],
    ["close", wake!.fd],
  ]);
  assert.deepEqual(world.reap(), [[1050, 0], [1051, -EIO], [0xffffffff, 0]]);
});

test("full rings refuse what has no room, and nothing before it", () => {
  const world = new PoolWorld(1);
  const fds = Array.from({ length: SYNCS_IN_FLIGHT_MAX }, (_, i) => i);
  assert.equal(world.submit(7), 1);
  assert.equal(world.submit(...fds), SYNCS_IN_FLIGHT_MAX - 1);
  assert.equal(world.submit(8), -EAGAIN);
  assert.equal(world.pool.submitFileSystem(60, 1), false);
  world.run();
  const tags = world.reap().map(([tag]) => tag);
  assert.deepEqual(tags, [1007, ...fds.slice(0, -1).map((fd) => 1000 + fd)]);
});

test("more results than a call takes are taken by the next", () => {
  const world = new PoolWorld(2);
  const fds = Array.from({ length: SYNCS_IN_FLIGHT_MAX }, (_, i) => i);
  world.submit(...fds);
  world.submit(...fds);
  world.run();
  assert.equal(world.reap().length, SYNCS_IN_FLIGHT_MAX);
  assert.equal(world.reap().length, SYNCS_IN_FLIGHT_MAX);
  assert.equal(world.reap().length, 0);
});

/** A world that may use `syncfs` from three dirty partitions on, by one worker. */
function fileSystemWorld(count: number, config: Partial<TopicConfig> = {}): {
  world: SyncWorld;
  /** Calls of syncfs in flight. */
  pending: () => number;
  finish: (result: number) => void;
} {
  const memory = new SharedArrayBuffer(JOB_RING_BYTES);
  const fileSystemFd = libc.eventfd(0, 0); // any descriptor: nothing is synced here
  const options = { rings: [memory], fileSystemFd, fileSystemFilesMin: 3 };
  const world = new SyncWorld(count, config, options);
  const ring = new JobRing(memory);
  const job = emptyJob();
  const finish = (result: number) => {
    assert.ok(ring.take(job));
    assert.equal(job.fd, fileSystemFd);
    ring.done(result);
    world.syncer.reap(world.nowMs, world.door);
  };
  return { world, pending: () => ring.pending, finish };
}

test("very many dirty partitions are one syncfs, with all their files", () => {
  const { world, pending, finish } = fileSystemWorld(4, { segmentBytes: 1024 });
  world.produce(3, 3);
  world.turn();
  assert.deepEqual(world.aio.inFlight.map(({ tag }) => tag), [3], "few are not");
  for (let i = 0; i < 3; i += 1) world.produce(0, i, 1000); // it rolls twice
  world.produce(1, 5);
  world.produce(2, 6);
  world.turn();
  assert.equal(pending(), 1);
  assert.equal(world.aio.inFlight.length, 1, "who has a sync in flight is not in it");
  assert.equal(world.syncer.inFlight, 2);
  world.produce(0, 10);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  world.produce(3, 11);
  world.turn();
  assert.equal(world.aio.inFlight.length + pending(), 1, "while it runs nothing else begins");
  assert.equal(world.syncer.nextDueMs(), Infinity);
  assert.deepEqual(world.correlations(), [3]);
  finish(0);
  assert.deepEqual(world.correlations(), [0, 1, 2, 5, 6], "and not 10: it came later");
  assert.equal(world.partitions[0]!.log.isSynced, false);
  world.turn();
  assert.deepEqual([...new Set(world.aio.inFlight.map(({ tag }) => tag))], [0, 3]);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [10, 11]);
  assert.equal(world.partitions[0]!.log.isSynced, true);
  const { byAio, byFileSystem, groups } = world.syncer.counters;
  assert.deepEqual([byAio, byFileSystem, groups], [1 + 5 + 1, 1, 6]);
  world.end();
});

test("a syncfs that failed is final for every partition that it was to cover", () => {
  const { world, finish } = fileSystemWorld(3);
  for (let i = 0; i < 3; i += 1) world.produce(i, i);
  world.turn();
  finish(-EIO);
  assert.equal(world.syncer.failure, `sync of t-2: ${errnoName(EIO)}`);
  const answers = world.answers().map(({ correlation, error }) => [correlation, error]);
  assert.deepEqual(answers, [0, 1, 2].map((i) => [i, ErrorCodes.storage_failed]));
  world.turn(true);
  assert.equal(world.syncer.inFlight, 0);
  world.end();
});

test("partitions of level interval that are not due make no syncfs", () => {
  const config = { durability: Level.interval, flushMs: 50 };
  const { world, pending, finish } = fileSystemWorld(4, config);
  for (let i = 0; i < 4; i += 1) world.produce(i, i);
  world.turn();
  world.nowMs += 60;
  world.native.broker.unsynced[3]!.syncDueMs += 20;
  world.native.broker.unsynced[2]!.syncDueMs += 20;
  world.turn();
  assert.equal(world.aio.inFlight.length, 2);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  for (let i = 0; i < 2; i += 1) world.produce(i, i);
  world.turn(true);
  assert.equal(pending(), 1, "asked for all, they are four");
  finish(0);
  world.end();
});
