/** How far groups are behind, in records and in time, over real logs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lagsOf, type TopicLag } from "../../../src/broker/group_lags.ts";
import { batchOf } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { type Client, NativeWorld } from "../../support/native_world.ts";

const START = 1700000000000;

class LagWorld extends NativeWorld {
  readonly #client: Client = this.connect();
  #handles = 0;

  /** Of each partition so many batches of one record, a second apart. */
  fill(topic: string, counts: readonly number[], firstMs: number = START): void {
    this.addTopic(topic, counts.length);
    for (const [partition, count] of counts.entries()) {
      this.#client.feed(frames.request("open_partition", { topic, partition }));
      for (let record = 0; record < count; record += 1) {
        const maxTimestamp = firstMs + record * 1000;
        const batch = batchOf([new Uint8Array(1)], { baseTimestamp: maxTimestamp, maxTimestamp });
        this.#client.give(frames.produce(this.#handles, batch, 1));
        this.settle();
      }
      this.#handles += 1;
    }
  }

  commit(topic: string, partition: number, offset: number): void {
    const topicId = this.broker.topics.get(topic)?.topicId ?? "";
    const commit = { offset, leaderEpoch: -1, metadata: "", timestampMs: 0, topicId };
    this.broker.offsets.store.load({ group: "g", topic, partition, commit });
  }

  lags(partitions = 100): TopicLag[] {
    return lagsOf(this.broker, this.broker.offsets.group("g")!, { partitions });
  }
}

test("by topic the sum of the records, and the longest time of its partitions", () => {
  const world = new LagWorld();
  world.fill("b", [5, 3, 4]);
  world.fill("a", [2]);
  world.commit("b", 0, 1);
  world.commit("b", 1, 0);
  world.commit("b", 2, 4);
  world.commit("a", 0, 2);
  assert.deepEqual(world.lags(), [
    { topic: "a", lagRecords: 0, lagMs: 0 },
    { topic: "b", lagRecords: 4 + 3, lagMs: 3000 },
  ]);
  world.end();
});

test("from the log start where the next record is deleted; ahead of the end is not behind", () => {
  const world = new LagWorld();
  world.fill("t", [5, 1]);
  world.commit("t", 0, 0);
  world.commit("t", 1, 9);
  world.broker.topics.get("t")!.partitions[0]!.log.logStart = 3;
  assert.deepEqual(world.lags(), [{ topic: "t", lagRecords: 2, lagMs: 1000 }]);
  world.end();
});

test("a topic that is no more is left out, and one that was made anew under its name", () => {
  const world = new LagWorld();
  world.fill("t", [1]);
  world.commit("gone", 0, 0);
  assert.deepEqual(world.lags(), []);
  world.commit("t", 0, 0);
  world.commit("t", 7, 0);
  assert.deepEqual(world.lags(), [{ topic: "t", lagRecords: 1, lagMs: 0 }]);
  const topicId = "11111111-1111-4111-8111-111111111111";
  const commit = { offset: 0, leaderEpoch: -1, metadata: "", timestampMs: 0, topicId };
  world.broker.offsets.store.load({ group: "g", topic: "t", partition: 0, commit });
  assert.deepEqual(world.lags(), [], "of another topic");
  world.end();
});

test("times of the furthest behind alone, where not all may be looked up", () => {
  const world = new LagWorld();
  world.fill("a", [3]);
  world.fill("b", [5]);
  world.commit("a", 0, 0);
  world.commit("b", 0, 0);
  const [a, b] = [{ topic: "a", lagRecords: 3 }, { topic: "b", lagRecords: 5 }];
  assert.deepEqual(world.lags(1), [{ ...a, lagMs: -1 }, { ...b, lagMs: 4000 }]);
  assert.deepEqual(world.lags(0), [{ ...a, lagMs: -1 }, { ...b, lagMs: -1 }]);
  const left = { partitions: 5 };
  lagsOf(world.broker, world.broker.offsets.group("g")!, left);
  assert.equal(left.partitions, 3, "the next group of the request has the rest");
  world.end();
});

test("a time before 1970 is not known, and time does not run backwards", () => {
  const world = new LagWorld();
  world.fill("old", [2], -5000);
  world.commit("old", 0, 0);
  assert.deepEqual(world.lags(), [{ topic: "old", lagRecords: 2, lagMs: -1 }]);
  world.end();
});
