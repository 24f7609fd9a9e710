/** Metrics of topics: bounded, never falling, and nothing counted twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OTHER, TopicMetrics } from "../../../../src/admin/metrics/topic_metrics.ts";
import type { TopicCounters, TopicCountersWanted } from "../../../../src/client/admin.ts";
import { forSeeds } from "../../../support/prng.ts";

interface Traffic {
  name: string;
  topicId: string;
  bytesIn: number;
}

/** A broker that knows bytes alone, and answers as the shard does. */
class Shard {
  readonly #topics: (Traffic & { serial: number })[] = [];
  #newest = 0;
  #gone = 0;
  /** Topics in the last answer. */
  told = 0;

  add(name: string, bytesIn: number, topicId = `${name}1`): Traffic {
    this.#newest += 1;
    const topic = { name, topicId, bytesIn, serial: this.#newest };
    this.#topics.push(topic);
    return topic;
  }

  remove(topic: Traffic): void {
    this.#topics.splice(this.#topics.findIndex(({ topicId }) => topicId === topic.topicId), 1);
    this.#gone += topic.bytesIn;
  }

  get bytesIn(): number {
    return this.#topics.reduce((sum, topic) => sum + topic.bytesIn, this.#gone);
  }

  answer({ topicIds = [], newerThan = 0, limit = 1000 }: TopicCountersWanted): TopicCounters {
    const none = { recordsIn: 0, recordsOut: 0, bytesOut: 0, cacheHitBytes: 0, cacheMissBytes: 0 };
    const newer = this.#topics.filter(({ serial }) => serial > newerThan)
      .sort((a, b) => b.bytesIn - a.bytesIn).slice(0, limit);
    const named = this.#topics.filter(({ topicId }) => topicIds.includes(topicId));
    const topics = [...new Set([...named, ...newer])].map((topic) => ({ ...none, ...topic }));
    this.told = topics.length;
    return { ...none, bytesIn: this.bytesIn, newest: this.#newest, topics };
  }
}

function bytesIn(metrics: TopicMetrics, shard: Shard): Map<string, number> {
  const families = metrics.families(shard.answer(metrics.wanted));
  const family = families.find(({ name }) => name === "sluice_topic_bytes_in_total");
  assert.ok(family !== undefined && family.type === "counter");
  return new Map(family.samples.map(({ labels, value }) => [labels["topic"]!, value]));
}

test("the busiest topics are told one by one, the others together", () => {
  const metrics = new TopicMetrics(2);
  const shard = new Shard();
  const [a] = ([["a", 1], ["b", 30], ["c", 20], ["d", 4]] as const).map(([name, bytes]) => {
    return shard.add(name, bytes);
  });
  assert.deepEqual([...bytesIn(metrics, shard)], [["b", 30], ["c", 20], [OTHER, 5]]);
  a!.bytesIn = 1000;
  const found = [...bytesIn(metrics, shard)];
  assert.deepEqual(found, [["b", 30], ["c", 20], [OTHER, 1004]], "who was first stays");
});

test("a place that is free again is for a topic that was never among the others", () => {
  const metrics = new TopicMetrics(1);
  const shard = new Shard();
  const a = shard.add("a", 10);
  shard.add("b", 5);
  assert.deepEqual([...bytesIn(metrics, shard)], [["a", 10], [OTHER, 5]]);
  shard.remove(a);
  assert.deepEqual([...bytesIn(metrics, shard)], [[OTHER, 5]]);
  shard.add("a", 1, "a2");
  assert.deepEqual([...bytesIn(metrics, shard)], [["a", 1], [OTHER, 5]]);
});

test("no sample falls while its topic lives, and all of them are what there was", () => {
  forSeeds(100, (prng) => {
    const metrics = new TopicMetrics(3);
    const shard = new Shard();
    const topics: Traffic[] = [];
    let goneTold = 0;
    let made = 0;
    let before = new Map<string, number>();
    for (let step = 0; step < 40; step += 1) {
      if (prng.chance(30)) {
        made += 1;
        topics.push(shard.add(`t${made}`, prng.below(100)));
      }
      for (const topic of topics) topic.bytesIn += prng.below(50);
      if (prng.chance(15) && topics.length > 0) {
        const [victim] = topics.splice(prng.below(topics.length), 1);
        shard.remove(victim!);
        goneTold += before.get(victim!.name) ?? 0;
      }
      const now = bytesIn(metrics, shard);
      assert.ok(now.size <= 4 && shard.told <= 6, "bounded");
      for (const [name, value] of now) assert.ok(value >= (before.get(name) ?? 0), name);
      const told = [...now.values()].reduce((sum, value) => sum + value, goneTold);
      assert.equal(told, shard.bytesIn);
      before = now;
    }
  });
});
