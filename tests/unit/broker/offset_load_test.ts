/** Loading what Kafka may have left in the topic: what is no offset is passed over, and counted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTraceSink } from "../../../src/base/trace.ts";
import { OffsetLoad } from "../../../src/broker/offset_load.ts";
import { OffsetStore } from "../../../src/broker/offset_store.ts";
import { OFFSETS_TOPIC } from "../../../src/format/internal_topics.ts";
import { OffsetBatch } from "../../../src/format/offset_records.ts";
import { OFFSETS_LOAD_BYTES } from "../../../src/limits.ts";
import { batchOf, memoryOf } from "../../support/batches.ts";
import { ColdWorld } from "../../support/cold_world.ts";
import { NativeWorld } from "../../support/native_world.ts";

test("batches that are no offsets are passed over; the newest record of a key counts", () => {
  const world = new NativeWorld();
  const [partition] = world.addTopic(OFFSETS_TOPIC, 1).partitions;
  world.addTopic("orders", 2);
  const { log } = partition!;
  const append = (bytes: Uint8Array) => log.stage(memoryOf(bytes, 0), 0, bytes.length);
  const commit = (offset: number | null, place: { topic?: string; partition?: number } = {}) => {
    const committed = { leaderEpoch: -1, metadata: "", timestampMs: 0, topicId: "" };
    const value = offset === null ? null : { ...committed, offset };
    const record = { group: "g", topic: "orders", partition: 0, commit: value, ...place };
    const batch = new OffsetBatch([record]);
    const memory = world.log.libc.allocate(batch.size);
    batch.write(memory, 0, 0);
    log.stage(memory, 0, batch.size);
  };
  commit(1);
  append(batchOf([new Uint8Array(3)])); // no key
  append(batchOf([new Uint8Array(3)], { attributes: 1 })); // compressed
  append(batchOf([new Uint8Array(3)], { attributes: 16 })); // of a transaction
  commit(2);
  commit(3, { partition: 1 });
  commit(null, { partition: 1 });
  commit(4, { partition: 2 });
  commit(5, { topic: "absent" });
  log.flush();
  const told: string[] = [];
  setTraceSink((_, text) => told.push(text));
  const store = new OffsetStore();
  const load = new OffsetLoad(partition!, world.broker.topics, store);
  for (let step = 0; !load.step(null); step += 1) assert.ok(step < 100, "it ends");
  setTraceSink(() => {});
  assert.equal(load.problem, "");
  assert.match(told.join(), /3 records or batches are of no known kind/);
  const group = store.groups.get("g")!;
  assert.equal(group.count, 1);
  assert.equal(group.get("orders", 0)!.durable!.offset, 2);
  const stale = [...load.takeStale(1), ...load.takeStale(10)];
  assert.deepEqual(stale.map(({ topic, partition: index }) => `${topic}-${index}`), [
    "orders-2",
    "absent-0",
  ]);
  assert.deepEqual(load.takeStale(10), []);
  world.end();
});

/** Several pieces of commits to one place, from offset 0 on, on the disk alone. */
function coldCommits(count: number): { world: ColdWorld; load: OffsetLoad; store: OffsetStore } {
  const world = new ColdWorld();
  const batches = Array.from({ length: count }, (_, offset) => {
    const commit = { offset, leaderEpoch: -1, metadata: "m".repeat(4000), timestampMs: 0 };
    const of = { group: "g", topic: "orders", partition: 0 };
    const batch = new OffsetBatch([{ ...of, commit: { ...commit, topicId: "" } }]);
    const memory = world.sim.allocate(batch.size);
    batch.write(memory, 0, 0);
    return memory.bytes.slice(0, batch.size);
  });
  world.append(batches);
  world.evict();
  world.loopReads.length = 0;
  const store = new OffsetStore();
  return { world, store, load: new OffsetLoad(world.partition, world.broker.topics, store) };
}

function loadCold({ world, load }: ReturnType<typeof coldCommits>, evicts = false): number {
  for (let turn = 0; turn < 1000; turn += 1) {
    if (load.stream === null && load.step(world.coldReads)) return turn;
    world.turn();
    world.work();
    if (evicts) world.evict();
  }
  return assert.fail("it ends");
}

test("what is on the disk alone the worker reads, ahead of the load, and the loop none", () => {
  const made = coldCommits(1000);
  const turns = loadCold(made);
  const { world, load, store } = made;
  assert.equal(load.problem, "");
  assert.equal(store.groups.get("g")!.get("orders", 0)!.durable!.offset, 999);
  assert.deepEqual(world.loopReads, []);
  const { size } = world.partition.log.active;
  assert.ok(turns < 2 * size / OFFSETS_LOAD_BYTES, `${turns} turns for ${size} bytes`);
  assert.ok(world.coldReads.counters.waits < 10, `${world.coldReads.counters.waits} waits`);
  world.close();
});

test("a load ends where the disk fails, and where nothing stays in the cache", () => {
  const failing = coldCommits(100);
  failing.world.faulty.plan = (call) => call === "pread" ? -5 : undefined;
  const told: string[] = [];
  setTraceSink((_, text) => told.push(text));
  loadCold(failing);
  setTraceSink(() => {});
  assert.match(failing.load.problem, /EIO/);
  assert.match(told.join(), /not all offsets were loaded/);
  failing.world.close();
  const evicted = coldCommits(100);
  loadCold(evicted, true);
  assert.equal(evicted.load.problem, "");
  assert.equal(evicted.store.groups.get("g")!.get("orders", 0)!.durable!.offset, 99);
  evicted.world.close();
});

test("the topic of a load that waits is deleted: it holds no file any more", () => {
  const { world } = coldCommits(100);
  const { offsets, topics } = world.broker;
  const topic = topics.get("orders")!;
  offsets.opened(topic);
  assert.equal(offsets.canLoad, true);
  offsets.load(world.coldReads);
  assert.deepEqual([offsets.isLoading, offsets.canLoad], [true, false]);
  const file = world.partition.log.active.file!;
  assert.equal(file.references, 2);
  world.broker.offsets.forgetTopic(OFFSETS_TOPIC);
  assert.deepEqual([offsets.isLoading, file.references], [false, 1]);
  world.settle();
  world.close();
});
