/** The bound of all topics: the oldest segments leave first, and what becomes of producers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOSPC } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { completeAppends, flushAppended, mustHold, produce } from "../../../src/broker/produce.ts";
import { Topic, type TopicPartition } from "../../../src/broker/topics.ts";
import { TotalRetention } from "../../../src/broker/total_retention.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { OFFSETS_TOPIC } from "../../../src/format/internal_topics.ts";
import { Acks } from "../../../src/format/levels.ts";
import { defaultTopicConfig, type TopicConfig } from "../../../src/format/topic_config.ts";
import { MiB } from "../../../src/base/units.ts";
import { publishLogStart } from "../../../src/log/log_start.ts";
import { DiskState } from "../../../src/log/disk.ts";
import { openPartitions } from "../../../src/log/open_partitions.ts";
import { PartitionKind, UNKNOWN } from "../../../src/log/opened_log.ts";
import { batchOfSize, memoryOf } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";

const SIZE = 300_000;
const BATCH = batchOfSize(SIZE);
const LIMIT = 32 * MiB;

/** Topics under a bound of 32 MiB; segments hold three batches. */
class BoundWorld extends BrokerWorld {
  readonly total: TotalRetention;
  readonly places: Record<string, TopicPartition> = {};

  constructor(topics: Readonly<Record<string, Partial<TopicConfig>>>, inner?: Libc) {
    super({}, inner);
    const { store } = this.log;
    store.wallMs = 1_700_000_000_000;
    this.total = new TotalRetention(this.broker, store);
    store.bound.limitBytes = LIMIT;
    for (const [name, config] of Object.entries(topics)) this.#open(name, config);
    this.sum();
  }

  #open(name: string, config: Partial<TopicConfig>): void {
    const { store, libc, dataFd } = this.log;
    const directory = `${name}-0`;
    assert.equal(libc.mkdirat(dataFd, directory, 0o700), 0);
    const [opened] = openPartitions(store, [{
      directory,
      config: { ...defaultTopicConfig(), segmentBytes: 3 * SIZE + 1000, ...config },
      kind: PartitionKind.own,
      leaderEpoch: 0,
      clean: true,
      recoveryPoint: UNKNOWN,
      logStart: UNKNOWN,
      progress: () => {},
    }]);
    const topic = new Topic(name, "", opened!.partition.config, []);
    this.broker.topics.add(topic);
    this.places[name] = this.broker.topics.addPartition(topic, opened!.partition);
  }

  sum(): void {
    const { bound } = this.log.store;
    bound.beginSum();
    for (const { log } of this.broker.topics.partitions) bound.sum(log);
    bound.endSum();
  }

  /** One batch, a second later, written and synced. */
  append(name: string): void {
    this.log.store.wallMs += 1000;
    const place = this.places[name]!;
    produce(this.broker, place, memoryOf(BATCH, 0), 0, SIZE, Acks.all, 8, 1, 1, 0);
    flushAppended(this.broker, this.nowMs);
    completeAppends(this.broker, this.door);
    this.#syncAll();
  }

  #syncAll(): void {
    const fds: number[] = [];
    for (const { log } of Object.values(this.places)) {
      while (log.needsSync) {
        log.beginSync(fds, false);
        for (const _ of [...fds]) log.endSync(0);
      }
    }
    this.broker.unsynced.length = 0;
  }

  /** The step, and main, which makes every log start durable. */
  step(): void {
    this.total.step();
    this.#syncAll();
    for (const { log } of Object.values(this.places)) publishLogStart(log, log.logStartWanted);
  }

  fill(names: readonly string[]): void {
    const { bound } = this.log.store;
    for (let at = 0; bound.usedBytes <= bound.trimBytes; at += 1) {
      this.append(names[at % names.length]!);
    }
  }

  starts(): Record<string, number> {
    const entries = Object.entries(this.places);
    return Object.fromEntries(entries.map(([name, { log }]) => [name, log.logStart]));
  }

  override close(): void {
    for (const { log } of Object.values(this.places)) log.close();
    super.close();
  }
}

test("below the trim mark nothing leaves; above it the oldest goes, of whichever topic", () => {
  const world = new BoundWorld({ a: {}, b: {} });
  for (let i = 0; i < 6; i += 1) world.append("b");
  world.step();
  assert.deepEqual(world.starts(), { a: 0, b: 0 });
  world.fill(["a"]);
  world.step();
  assert.deepEqual(world.starts(), { a: 0, b: 3 }, "b is older");
  const { bound } = world.log.store;
  assert.ok(bound.usedBytes <= bound.trimBytes, "and that was enough");
  assert.equal(bound.isMakingRoom, true, "until the next step has seen it");
  world.step();
  assert.equal(bound.isMakingRoom, false);
  world.close();
});

test("one look takes as many segments of a topic as are older than all others", () => {
  const world = new BoundWorld({ a: {}, b: {} });
  for (let i = 0; i < 12; i += 1) world.append("b");
  world.fill(["a"]);
  for (let i = 0; i < 8; i += 1) world.append("a");
  world.step();
  assert.deepEqual(world.starts(), { a: 0, b: 9 });
  world.step();
  assert.deepEqual(world.starts(), { a: 0, b: 9 }, "what is active stays while others may go");
  world.close();
});

test("where nothing is sealed the active segment that was begun first is rolled, and goes", () => {
  const world = new BoundWorld({ a: { segmentBytes: 64 * MiB }, b: { segmentBytes: 64 * MiB } });
  world.append("b");
  world.fill(["a"]);
  world.step();
  assert.equal(world.places["b"]!.log.segments.length, 2, "b is rolled");
  assert.deepEqual(world.starts(), { a: 0, b: 0 });
  world.step();
  assert.deepEqual(world.starts(), { a: 0, b: 1 });
  world.close();
});

test("topics of the broker and compacted ones lose nothing: then producers are refused", () => {
  const world = new BoundWorld({
    [OFFSETS_TOPIC]: {},
    compacted: { cleanupDelete: false, cleanupCompact: true },
  });
  const { bound, disk } = world.log.store;
  const place = world.places["compacted"]!;
  for (let at = 0; bound.usedBytes <= bound.holdBytes; at += 1) {
    assert.equal(mustHold(world.broker, place), false);
    world.append(at % 2 === 0 ? OFFSETS_TOPIC : "compacted");
  }
  assert.equal(mustHold(world.broker, place), true, "until it is known that nothing may leave");
  world.step();
  assert.equal(mustHold(world.broker, place), false);
  assert.equal(disk.state, DiskState.full);
  const written = place.log.stagedEnd;
  world.door.takeAppends();
  world.append("compacted");
  assert.equal(world.door.takeAppends().at(-1)!.error, ErrorCodes.disk_full);
  assert.equal(place.log.stagedEnd, written);
  assert.deepEqual(world.starts(), { [OFFSETS_TOPIC]: 0, compacted: 0 });
  bound.limitBytes = 2 * LIMIT;
  world.step();
  assert.equal(disk.state, DiskState.ok, "it ends by itself");
  world.append("compacted");
  assert.equal(place.log.stagedEnd, written + 1);
  world.close();
});

test("where the disk refuses the roll producers do not wait, and it is tried again", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BoundWorld({ a: { segmentBytes: 64 * MiB } }, faulty.libc);
  const { bound } = world.log.store;
  const place = world.places["a"]!;
  while (bound.usedBytes <= bound.holdBytes) world.append("a");
  faulty.plan = (call) => call === "openat" ? -ENOSPC : undefined;
  for (let i = 0; i < 3; i += 1) world.step();
  assert.equal(place.log.segments.length, 1);
  assert.equal(mustHold(world.broker, place), false, "they are refused");
  assert.equal(bound.isRefusing, true);
  faulty.heal();
  world.step();
  assert.equal(place.log.segments.length, 1, "not in each turn");
  world.sum();
  world.step();
  assert.equal(place.log.segments.length, 2);
  assert.equal(bound.isRefusing, false);
  world.close();
});

test("a bound that is taken away refuses nobody any more", () => {
  const world = new BoundWorld({ compacted: { cleanupDelete: false, cleanupCompact: true } });
  const { bound, disk } = world.log.store;
  while (bound.usedBytes <= bound.holdBytes) world.append("compacted");
  world.step();
  assert.equal(disk.state, DiskState.full);
  bound.limitBytes = Infinity;
  world.step();
  assert.equal(disk.state, DiskState.ok);
  assert.equal(disk.refusal, ErrorCodes.none);
  world.close();
});

test("while something is on its way out producers wait, and are not refused", () => {
  const world = new BoundWorld({ a: {} });
  const { bound, disk, fileJobs } = world.log.store;
  while (bound.usedBytes <= bound.holdBytes) world.append("a");
  world.total.step(); // main has not answered yet
  assert.equal(mustHold(world.broker, world.places["a"]!), true);
  world.total.step();
  assert.equal(bound.isMakingRoom, true);
  assert.equal(disk.state, DiskState.ok);
  world.step();
  Object.assign(fileJobs, { freeingBytes: 10 * MiB }); // the worker is slow
  world.step();
  assert.equal(mustHold(world.broker, world.places["a"]!), true);
  assert.equal(disk.state, DiskState.ok);
  Object.assign(fileJobs, { freeingBytes: 0 });
  world.step();
  assert.equal(mustHold(world.broker, world.places["a"]!), false);
  world.close();
});
