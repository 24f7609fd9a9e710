/** Loading what Kafka may have left in the topic: what is no offset is passed over, and counted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTraceSink } from "../../../src/base/trace.ts";
import { OffsetLoad } from "../../../src/broker/offset_load.ts";
import { OffsetStore } from "../../../src/broker/offset_store.ts";
import { OFFSETS_TOPIC } from "../../../src/format/internal_topics.ts";
import { OffsetBatch } from "../../../src/format/offset_records.ts";
import { batchOf, memoryOf } from "../../support/batches.ts";
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
  for (let step = 0; !load.step(); step += 1) assert.ok(step < 100, "it ends");
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
