/**
 * A script over the whole engine for the error sweep: topics come and go, batches are produced,
 * rolled, synced, checkpointed, deleted and fetched, the broker stops, starts and is killed. It
 * goes on after every typed error as main and its clients do, and remembers what was promised.
 *
 *     step -> StorageError: what main answers, and on    ProcessEnd: the process is gone, the next
 *             anything else: the script fails                        step begins with a start
 */
import assert from "node:assert/strict";
import type { FileSlice } from "../../src/base/file_slice.ts";
import type { AppendWaiters } from "../../src/broker/append_waiters.ts";
import type { Door } from "../../src/broker/broker.ts";
import { fetch } from "../../src/broker/fetch.ts";
import { deleteRecords, type LogStartWaiter } from "../../src/broker/log_starts.ts";
import { produce } from "../../src/broker/produce.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { Acks } from "../../src/format/levels.ts";
import { StorageError } from "../../src/log/files.ts";
import { offsetForTime } from "../../src/log/time_lookup.ts";
import { At, encodeAttempt } from "./attempt_bytes.ts";
import { type FaultPlan, FaultyLibc } from "./faulty_libc.ts";
import { Life, ProcessEnd } from "./life.ts";
import { faultySim, SweepLedger } from "./sweep_ledger.ts";
import { SimLibc } from "./sim_libc.ts";
import { LargeBlocks } from "./sim_memory.ts";

/** What an idempotent client has: one batch at a time, sent until it is acknowledged. */
interface Producer {
  sequence: number;
  pending: Uint8Array | null;
}

const PRODUCER = 7;
const START_TIMES_MAX = 3;
const SETTLE_ROUNDS = 6;
/** Small, so that the script meets a segment with zeros behind its log. */
const LIFE = { writtenAheadBytes: 1024, readFailurePercent: 0 };
const blocks = new LargeBlocks();

const CONFIGS: Readonly<Record<string, readonly { key: string; value: string }[]>> = {
  a: [{ key: "segment.bytes", value: "1024" }, { key: "retention.bytes", value: "3000" }],
  b: [{ key: "durability", value: "os" }],
  c: [{ key: "durability", value: "interval" }, { key: "flush.ms", value: "10" }],
};

export class SweepScript implements Door {
  readonly sim: SimLibc = new SimLibc({ seed: 11, largeBlocks: blocks });
  readonly faulty: FaultyLibc;
  readonly #libc: SimLibc;
  readonly #ledger: SweepLedger = new SweepLedger();
  #answeredFetches = 0;
  readonly #producers: Map<string, Producer> = new Map();
  #life: Life | null = null;
  #lastStopped: Life | null = null;
  #attempts = 0;
  #producerEpoch = 0;
  /** How the process ended, if it did. */
  readonly ends: string[] = [];
  errors = 0;
  readonly #isReadFault: boolean;

  constructor(plan: FaultPlan | null, isReadFault: boolean = false) {
    this.#isReadFault = isReadFault;
    this.faulty = new FaultyLibc(this.sim, plan);
    this.#libc = faultySim(this.sim, this.faulty);
  }

  run(): void {
    const steps = [
      () => this.#create("a"),
      () => this.#create("b"),
      () => this.#produceSome(2),
      () => this.#deleteRecords("a", 2),
      () => this.#create("c"),
      () => this.#produceSome(3),
      () => this.#fetchAll(),
      () => this.#settle(500),
      () => this.#delete("c"),
      () => this.#deletionSteps(),
      () => this.#stop(),
      () => this.#fetchAll(),
      () => this.#produceSome(2),
      () => this.#settle(500),
      () => this.#produceSome(1),
      () => this.#kill("kill"),
      () => this.#fetchAll(),
      () => this.#produceSome(1),
      () => this.#stop(),
    ];
    for (const step of steps) {
      this.#start();
      try {
        step();
      } catch (error) {
        if (!(error instanceof ProcessEnd) && !(error instanceof StorageError)) throw error;
        this.#end(error.message);
      }
    }
  }

  /** No more faults: a start finds all that was promised, after a kill and after a power cut. */
  check(): void {
    this.faulty.plan = null;
    for (const kind of ["kill", "power"] as const) {
      if (this.#life !== null) this.#kill(kind);
      this.#start();
      for (const topic of this.#ledger.topics) {
        this.#ledger.checkTopic(this.sim, this.#life!, topic, kind);
      }
      for (const name of Object.keys(CONFIGS)) this.#create(name);
      this.#produceSome(1);
    }
    this.#stop();
    for (const { life, answers, topic } of this.#ledger.sent) {
      assert.ok(answers <= 1, `${topic}: answered ${answers} times`);
      if (life === this.#lastStopped) assert.equal(answers, 1, `${topic}: never answered`);
    }
  }

  #start(): void {
    for (let times = 1; this.#life === null; times += 1) {
      try {
        this.#life = new Life(this.#libc, this, LIFE);
        this.#checkOpened(this.#life);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        assert.ok(times < START_TIMES_MAX, `it does not start: ${error.message}`);
        this.#end(`start: ${error.message}`);
      }
    }
  }

  /** A header that cannot be read is taken for damage until the next start; nothing is cut. */
  #checkOpened(life: Life): void {
    for (const { partition } of life.opened) {
      const { degraded, directory } = partition.log;
      if (degraded === "") continue;
      assert.equal(this.#isReadFault, true, `${directory}: ${degraded}`);
      assert.notEqual(this.faulty.plan, null, `${directory} is degraded without a fault`);
      this.errors += 1;
    }
  }

  #end(why: string): void {
    this.ends.push(why);
    this.#life = null;
    this.sim.crash("kill");
  }

  #kill(kind: "kill" | "power"): void {
    if (kind === "kill") this.#tear();
    this.#life = null;
    this.sim.crash(kind);
    // At the weaker levels a power cut may take what was acknowledged.
    if (kind === "power") this.#forgetWeak();
  }

  /** The kill cuts a write short: the next start has something to truncate. */
  #tear(): void {
    const log = this.#life?.partition("a", 0)?.log;
    if (log === undefined || log.broken) return;
    const torn = this.sim.allocate(90);
    const { fd } = log.active.file!;
    assert.equal(this.sim.pwrite(fd, torn, 0, torn.size, log.active.size), torn.size);
  }

  #forgetWeak(): void {
    this.#ledger.forgetWeak((topic) => topic !== "a");
    // Their clients cannot know which: a new epoch begins at sequence 0.
    this.#producerEpoch += 1;
    this.#producers.clear();
  }

  #stop(): void {
    const life = this.#life!;
    const wasClean = life.stop();
    assert.equal(this.sim.descriptors.openCount, 0, "a stop closes every descriptor");
    for (const sent of this.#ledger.sent) {
      if (sent.life === life) assert.equal(sent.answers, 1, `${sent.topic}: answered by the stop`);
    }
    if (!wasClean) this.errors += 1;
    this.#life = null;
    this.#lastStopped = life;
    this.sim.crash("kill");
  }

  /** As main does it: what was begun is undone, and the client may try again. */
  #create(name: string): void {
    const life = this.#life!;
    if (this.#ledger.topics.has(name)) return;
    for (let times = 0; times < 2; times += 1) {
      const before = this.sim.descriptors.openCount;
      try {
        const topic = { name, partitions: 1, config: CONFIGS[name]! };
        if (!life.createTopic(topic)) {
          // A creation that was in doubt when the process ended: it has come to its end.
          assert.ok(life.partition(name, 0) !== null, `${name} exists`);
        }
        this.#ledger.topics.add(name);
        this.#ledger.logStarts.delete(name);
        return;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        if (life.keeper.isInDoubt) throw new ProcessEnd(error.message);
        this.errors += 1;
        assert.equal(this.sim.descriptors.openCount, before, `${name}: ${error.message}: leaked`);
        life.keeper.abandonCreate(name);
        const deleted = life.keeper.beginDelete(name);
        if (deleted !== null) life.keeper.finishDelete(deleted.topicId);
      }
    }
  }

  #delete(name: string): void {
    const life = this.#life!;
    if (!this.#ledger.topics.has(name)) return;
    try {
      life.deleteTopic(name);
    } catch (error) {
      // Whether it is gone the next start says; nobody is told that it is.
      this.#forgetTopic(name);
      throw error;
    }
    this.#forgetTopic(name);
  }

  #forgetTopic(name: string): void {
    this.#ledger.forgetTopic(name);
    this.#producers.delete(name);
  }

  #deletionSteps(): void {
    const life = this.#life!;
    const before = this.sim.descriptors.openCount;
    for (const id of life.keeper.deletions) {
      try {
        life.keeper.finishDelete(id);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        if (life.keeper.isInDoubt) throw error;
        this.errors += 1;
        assert.equal(this.sim.descriptors.openCount, before, `${error.message}: leaked`);
      }
    }
  }

  #produceSome(rounds: number): void {
    for (let round = 0; round < rounds; round += 1) {
      for (const topic of [...this.#ledger.topics].sort()) {
        if (!this.#ledger.topics.has(topic)) continue;
        this.#produceIdempotent(topic, Acks.all);
        this.#send(topic, this.#batch(-1, -1), round === 0 ? Acks.leader : Acks.all);
      }
      this.#settle(20);
    }
  }

  #produceIdempotent(topic: string, acks: number): void {
    const producer = this.#producers.get(topic) ?? { sequence: 0, pending: null };
    this.#producers.set(topic, producer);
    producer.pending ??= this.#batch(PRODUCER, producer.sequence);
    this.#send(topic, producer.pending, acks);
  }

  #batch(producerId: number, sequence: number): Uint8Array {
    this.#attempts += 1;
    return encodeAttempt({
      attempt: this.#attempts,
      size: 260 + 40 * (this.#attempts % 3),
      records: 1 + this.#attempts % 2,
      timestamp: 1000 + this.#attempts,
      producerId,
      producerEpoch: producerId < 0 ? -1 : this.#producerEpoch,
      sequence,
    });
  }

  #send(topic: string, bytes: Uint8Array, acks: number): void {
    const life = this.#life!;
    const partition = life.partition(topic, 0);
    if (partition === null) return;
    const number = this.#ledger.sent.length;
    this.#ledger.sent.push({ topic, bytes, life, answers: 0, error: -1, base: -1, level: -1 });
    const at = life.receive(bytes);
    produce(life.broker, partition, life.arena, at, bytes.length, acks, 1, 1, number, 0);
  }

  /** Turns until nothing moves any more, main's part included. */
  #settle(stepMs: number): void {
    const life = this.#life!;
    for (let round = 0; round < SETTLE_ROUNDS; round += 1) {
      this.sim.clock.advance(stepMs);
      life.readClocks();
      this.sim.completeAio(8);
      life.worker.work(Infinity);
      life.turn(true, true);
      const mail = [...life.mail];
      try {
        life.deliver();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        this.errors += 1;
        life.mail.push(...mail); // main tries again
      }
    }
  }

  #deleteRecords(topic: string, offset: number): void {
    const life = this.#life!;
    const partition = life.partition(topic, 0);
    if (partition === null) return;
    const wanted = Math.min(offset, partition.log.visible.offset);
    const waiter = { slot: 1, generation: 1, correlation: 0, handle: 0, offset: wanted };
    deleteRecords(life.broker, partition, waiter, this);
    if (partition.log.needsSync) life.broker.queueUnsynced(partition, 0);
    this.#settle(20);
  }

  #fetchAll(): void {
    const life = this.#life!;
    this.sim.disk.dropCaches(); // so that all of it has to be read
    const before = this.#answeredFetches;
    let asked = 0;
    for (const topic of [...this.#ledger.topics].sort()) {
      const partition = life.partition(topic, 0);
      if (partition === null) continue;
      const { log } = partition;
      for (let offset = log.logStart; offset <= log.visible.offset; offset += 2) {
        const place = { slot: 1, generation: 1, correlation: offset, handle: 0, offset };
        const shape = { countFrom: offset, minBytes: 1, maxBytes: 700, maxWaitMs: 0 };
        fetch(life.broker, partition, { ...place, ...shape }, this.sim.clock.monotonicMs, this);
        asked += 1;
      }
      const found = offsetForTime(log, 1000 + this.#attempts);
      assert.ok(found === null || typeof found === "object" || found === ErrorCodes.storage_failed);
    }
    do this.#settle(1); while (!life.worker.isIdle);
    assert.equal(this.#answeredFetches - before, asked, "every fetch is answered");
  }

  appendDone(partition: TopicPartition, waiters: AppendWaiters, level: number): void {
    const sent = this.#ledger.sent[waiters.correlation]!;
    sent.answers += 1;
    sent.error = waiters.error;
    const isNamed = (Object.values(ErrorCodes) as number[]).includes(waiters.error);
    assert.ok(isNamed, `error ${waiters.error} has a name`);
    if (waiters.error !== ErrorCodes.none) {
      this.errors += 1;
      return;
    }
    sent.base = waiters.base;
    sent.level = level;
    const producer = this.#producers.get(partition.topic.name);
    if (producer?.pending !== sent.bytes) return;
    producer.pending = null;
    producer.sequence += new DataView(sent.bytes.buffer).getInt32(At.count);
  }

  hasRoom(): boolean {
    return false;
  }

  push(): void {
    throw new Error("nobody subscribes here");
  }

  fetchDone(
    partition: TopicPartition,
    _slot: number,
    _generation: number,
    correlation: number,
    _handle: number,
    error: number,
    slice: FileSlice,
  ): void {
    this.#answeredFetches += 1;
    if (error !== ErrorCodes.none) {
      const allowed: number[] = [ErrorCodes.storage_failed, ErrorCodes.partition_degraded];
      assert.ok(allowed.includes(error), `fetch at ${correlation}: error ${error}`);
      this.errors += 1;
      return;
    }
    const memory = this.sim.allocate(Math.max(1, slice.size));
    if (slice.size === 0) return;
    const { fd } = slice.file!;
    assert.equal(this.sim.pread(fd, memory, 0, slice.size, slice.position), slice.size);
    this.#ledger.checkBytes(partition.topic.name, memory.bytes.subarray(0, slice.size));
  }

  logStartDone(partition: TopicPartition, waiter: LogStartWaiter, error: number): void {
    if (error === ErrorCodes.none) this.#ledger.logStarts.set(partition.topic.name, waiter.offset);
  }

  /** No group commits in the script, and no door is asked for a time. */
  offsetsDone(): void {}

  offsetForTimeDone(): void {}
}
