/**
 * A broker over a simulated disk whose page cache the test empties, with the guard of cold reads;
 * the test is the background worker and does its jobs when it likes.
 */
import assert from "node:assert/strict";
import { AT_FDCWD, O_RDONLY, POSIX_FADV_DONTNEED } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { MiB } from "../../src/base/units.ts";
import { Broker } from "../../src/broker/broker.ts";
import { type ColdJobs, ColdReads } from "../../src/broker/cold_reads.ts";
import { answerCold } from "../../src/broker/cold_answers.ts";
import { completeFetches, fetch } from "../../src/broker/fetch.ts";
import type { FetchWaiter } from "../../src/broker/fetch_waiters.ts";
import { Topic, type TopicPartition } from "../../src/broker/topics.ts";
import { BatchAt } from "../../src/format/batch.ts";
import { Level } from "../../src/format/levels.ts";
import { defaultTopicConfig } from "../../src/format/topic_config.ts";
import { Residency } from "../../src/log/residency.ts";
import { SimLibc } from "../sim/sim_libc.ts";
import { batchOf, batchOfSize } from "./batches.ts";
import { type FetchAnswer, Recorder } from "./broker_world.ts";
import { FaultyLibc } from "./faulty_libc.ts";
import { DIRECTORY, LogWorld, type OpenHow } from "./log_world.ts";

const ROOT = "/log";
const BLOCK_SIZE = 131072;
/** Of the batches that a world is `filled` with. */
export const BATCH = 65536;

/** A job of the background worker, as it was posted. */
export interface PostedJob {
  readonly kind: "read" | "drop" | "stop read-ahead";
  readonly fd: number;
  readonly position: number;
  readonly size: number;
  readonly isBounded: boolean;
}

export class ColdWorld implements ColdJobs {
  readonly sim: SimLibc = new SimLibc({ seed: 1 });
  /** Positions of reads, not by the worker, that had to wait for the disk. */
  readonly loopReads: number[] = [];
  readonly faulty: FaultyLibc = new FaultyLibc(this.#watched());
  readonly libc: Libc = this.faulty.libc;
  readonly door: Recorder = new Recorder();
  /** Not yet done; and all that ever were. */
  readonly jobs: PostedJob[] = [];
  readonly allJobs: PostedJob[] = [];
  readonly coldReads: ColdReads;
  readonly log: LogWorld;
  readonly broker: Broker;
  partition: TopicPartition;
  nowMs = 100000;
  readonly #block: Memory = this.sim.allocate(BLOCK_SIZE);
  #isWorking = false;
  readonly #topic: Topic;

  constructor(inFlightBytes: number = 4 * MiB, isGuarding: boolean = true) {
    assert.equal(this.sim.mkdirat(AT_FDCWD, ROOT, 0o755), 0);
    this.log = new LogWorld({ libc: this.libc, root: ROOT });
    const residency = new Residency(this.libc, "cachestat");
    this.coldReads = new ColdReads(residency, this, inFlightBytes, isGuarding);
    this.broker = new Broker(this.log.reader, this.coldReads);
    const config = { ...defaultTopicConfig(), durability: Level.os };
    this.#topic = new Topic("orders", "", config, []);
    this.broker.topics.add(this.#topic);
    this.partition = this.#open();
  }

  read(fd: number, position: number, size: number, isBounded: boolean): boolean {
    return this.#post({ kind: "read", fd, position, size, isBounded });
  }

  dropCache(fd: number, position: number, size: number): void {
    this.#post({ kind: "drop", fd, position, size, isBounded: true });
  }

  stopReadAhead(fd: number): void {
    this.#post({ kind: "stop read-ahead", fd, position: 0, size: 0, isBounded: true });
  }

  /** Appends `count` batches of `size` bytes, one record each, and syncs. */
  fill(count: number, size: number): void {
    const batch = batchOfSize(size);
    this.append(Array.from({ length: count }, () => batch));
  }

  /** Appends batches, each by itself, and syncs. */
  append(batches: readonly Uint8Array[]): void {
    const { log } = this.partition;
    const sizeMax = batches.reduce((max, { length }) => Math.max(max, length), 0);
    const memory = this.sim.allocate(sizeMax);
    for (const batch of batches) {
      memory.bytes.set(batch);
      (memory as unknown as { touch(end: number): void }).touch(batch.length);
      assert.ok(log.stage(memory, 0, batch.length) >= 0);
      assert.equal(log.flush(), 0);
    }
    this.sync();
    this.nowMs += 60000; // nothing of it is fresh any more
  }

  sync(): void {
    const { log } = this.partition;
    const fds: number[] = [];
    const pending = log.beginSync(fds, true);
    for (let i = 0; i < pending; i += 1) log.endSync(0);
  }

  /** Starts again after a clean stop: indexes come from their files. */
  reopen(): void {
    const { log } = this.partition;
    const recoveryPoint = log.written.offset;
    log.close();
    this.log.store.closeAll();
    this.broker.topics.partitions.length = 0;
    this.#topic.partitions.length = 0;
    this.partition = this.#open({ clean: true, recoveryPoint });
  }

  /** Puts the files of these endings out of the page cache, or a range of one. */
  evict(endings: readonly string[] = [".log"], position: number = 0, size: number = 0): void {
    const directory = this.sim.openat(AT_FDCWD, `${ROOT}/${DIRECTORY}`, O_RDONLY, 0);
    const entries: { name: string }[] = [];
    this.sim.readDirectory(directory, entries as never);
    for (const { name } of entries) {
      if (!endings.some((ending) => name.endsWith(ending))) continue;
      const fd = this.sim.openat(directory, name, O_RDONLY, 0);
      assert.equal(this.sim.fdatasync(fd), 0);
      assert.equal(this.sim.fadvise(fd, position, size, POSIX_FADV_DONTNEED), 0);
      this.sim.close(fd);
    }
    this.sim.close(directory);
  }

  fetch(
    offset: number,
    correlation: number,
    maxBytes: number = MiB,
    maxWaitMs: number = 0,
  ): FetchWaiter | null {
    const request = { slot: 8, generation: 1, correlation, handle: 0, offset, maxBytes, maxWaitMs };
    this.coldReads.nowMs = this.nowMs;
    const { broker, partition, nowMs, door } = this;
    return fetch(broker, partition, { ...request, countFrom: offset, minBytes: 1 }, nowMs, door);
  }

  /** Does up to `count` jobs. A read ends as the disk, or the plan of `faulty`, says. */
  work(count: number = Infinity): void {
    for (let done = 0; done < count && this.jobs.length > 0; done += 1) {
      const { kind, fd, position, size } = this.jobs.shift()!;
      if (kind === "drop") this.sim.fadvise(fd, position, size, POSIX_FADV_DONTNEED);
      if (kind === "read") this.coldReads.done(position, size, this.#read(fd, position, size));
    }
  }

  /** What a turn does for cold reads; `syncs` are pending. */
  turn(syncs: number = 0): void {
    this.coldReads.nowMs = this.nowMs;
    answerCold(this.broker, this.nowMs, this.door);
    completeFetches(this.broker, this.nowMs, this.door);
    this.coldReads.pump(syncs);
  }

  /** Turns and works until nothing is left to read; `syncs` are pending all the time. */
  settle(syncs: number = 0): void {
    for (let i = 0; i < 1000; i += 1) {
      this.turn(syncs);
      if (this.jobs.length === 0 && this.coldReads.ready.length === 0) return;
      this.work();
    }
    assert.fail("it never comes to rest");
  }

  close(): void {
    this.coldReads.close();
    this.partition.log.close();
    this.log.store.closeAll();
  }

  #post(job: PostedJob): boolean {
    this.jobs.push(job);
    this.allJobs.push(job);
    return true;
  }

  #read(fd: number, position: number, size: number): number {
    let done = 0;
    this.#isWorking = true;
    while (done < size) {
      const part = Math.min(BLOCK_SIZE, size - done);
      const read = this.libc.pread(fd, this.#block, 0, part, position + done);
      if (read < 0) done = read;
      if (read <= 0) break;
      done += read;
    }
    this.#isWorking = false;
    return done;
  }

  /** The simulated libc, whose reads are looked at. */
  #watched(): Libc {
    const { sim } = this;
    const residency = new Residency(sim, "cachestat");
    const pread = (fd: number, into: Memory, start: number, size: number, position: number) => {
      const isCold = !this.#isWorking && !residency.holds(fd, position, size);
      if (isCold) this.loopReads.push(position);
      return sim.pread(fd, into, start, size, position);
    };
    return new Proxy(sim as Libc, {
      get: (_, name) => {
        if (name === "pread") return pread;
        const value: unknown = Reflect.get(sim, name);
        return typeof value === "function" ? value.bind(sim) : value;
      },
    });
  }

  #open(how: OpenHow = {}): TopicPartition {
    const { partition } = this.log.open({ durability: Level.os }, how);
    return this.broker.topics.addPartition(this.#topic, partition);
  }
}

/** One batch, a record of 64 KiB, for each of these times: made from one, because that is slow. */
export function timedBatches(times: readonly number[]): Uint8Array[] {
  const batch = batchOf([new Uint8Array(BATCH)]);
  const bytes = new Uint8Array((batch.length + 3) & ~3);
  bytes.set(batch);
  const view = new DataView(bytes.buffer);
  return times.map((time) => {
    view.setBigInt64(BatchAt.baseTimestamp, BigInt(time));
    view.setBigInt64(BatchAt.maxTimestamp, BigInt(time));
    const size = batch.length - BatchAt.attributes;
    view.setUint32(
      BatchAt.crc,
      crc32c(bytes, new Int32Array(bytes.buffer), BatchAt.attributes, size),
    );
    return bytes.slice(0, batch.length);
  });
}

/** `count` batches on disk and in the cache, of 64 KiB. */
export function filled(count: number, inFlightBytes: number = 4 * MiB): ColdWorld {
  const world = new ColdWorld(inFlightBytes);
  world.fill(count, BATCH);
  return world;
}

/** One reader's way from one offset to another, a MiB at a time; `syncs` are pending. */
export function readThrough(world: ColdWorld, from: number, to: number, syncs: number = 0): void {
  for (let offset = from; offset < to;) {
    world.fetch(offset, offset);
    world.settle(syncs);
    const answers = world.door.takeFetches();
    assert.equal(answers.length, 1);
    assert.equal(answers[0]!.error, 0);
    assert.equal(answers[0]!.position, offset * BATCH);
    offset += answers[0]!.size / BATCH;
  }
}

/** What a fetch gets of batches of BATCH bytes. */
export function answer(correlation: number, offset: number, batches: number): FetchAnswer {
  return { correlation, error: 0, size: batches * BATCH, position: offset * BATCH };
}
