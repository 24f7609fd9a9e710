/** Metrics of topics: bounded, never falling, and nothing counted twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OTHER, TopicMetrics } from "../../../../src/admin/metrics/topic_metrics.ts";
import type { TopicCounters } from "../../../../src/client/admin.ts";
import { forSeeds } from "../../../support/prng.ts";

interface Traffic {
  name: string;
  topicId: string;
  bytesIn: number;
}

/** A broker that knows bytes alone. `gone`: what deleted topics had. */
function counters(topics: readonly Traffic[], gone = 0): TopicCounters {
  const none = { recordsIn: 0, recordsOut: 0, bytesOut: 0, cacheHitBytes: 0, cacheMissBytes: 0 };
  const bytesIn = topics.reduce((sum, topic) => sum + topic.bytesIn, gone);
  return { ...none, bytesIn, topics: topics.map((topic) => ({ ...none, ...topic })) };
}

function bytesIn(metrics: TopicMetrics, found: TopicCounters): Map<string, number> {
  const families = metrics.families(found);
  const family = families.find(({ name }) => name === "sluice_topic_bytes_in_total");
  assert.ok(family !== undefined && family.type === "counter");
  return new Map(family.samples.map(({ labels, value }) => [labels["topic"]!, value]));
}

test("the busiest topics are told one by one, the others together", () => {
  const metrics = new TopicMetrics(2);
  const topics = [["a", 1], ["b", 30], ["c", 20], ["d", 4]].map(([name, bytes]) => {
    return { name: String(name), topicId: `${name}1`, bytesIn: Number(bytes) };
  });
  assert.deepEqual([...bytesIn(metrics, counters(topics))], [["b", 30], ["c", 20], [OTHER, 5]]);
  topics[0]!.bytesIn = 1000;
  const found = [...bytesIn(metrics, counters(topics))];
  assert.deepEqual(found, [["b", 30], ["c", 20], [OTHER, 1004]], "who was first stays");
});

test("a place that is free again is for a topic that was never among the others", () => {
  const metrics = new TopicMetrics(1);
  const a = { name: "a", topicId: "a1", bytesIn: 10 };
  const b = { name: "b", topicId: "b1", bytesIn: 5 };
  assert.deepEqual([...bytesIn(metrics, counters([a, b]))], [["a", 10], [OTHER, 5]]);
  assert.deepEqual([...bytesIn(metrics, counters([b], 10))], [[OTHER, 5]]);
  const anew = { name: "a", topicId: "a2", bytesIn: 1 };
  assert.deepEqual([...bytesIn(metrics, counters([b, anew], 10))], [["a", 1], [OTHER, 5]]);
});

test("no sample falls while its topic lives, and all of them are what there was", () => {
  forSeeds(100, (prng) => {
    const metrics = new TopicMetrics(3);
    let topics: Traffic[] = [];
    let gone = 0;
    let goneTold = 0;
    let made = 0;
    let before = new Map<string, number>();
    for (let step = 0; step < 40; step += 1) {
      if (prng.chance(30)) {
        made += 1;
        topics.push({ name: `t${made}`, topicId: `id${made}`, bytesIn: prng.below(100) });
      }
      for (const topic of topics) topic.bytesIn += prng.below(50);
      if (prng.chance(15) && topics.length > 0) {
        const [victim] = topics.splice(prng.below(topics.length), 1);
        gone += victim!.bytesIn;
        goneTold += before.get(victim!.name) ?? 0;
        topics = [...topics];
      }
      const now = bytesIn(metrics, counters(topics, gone));
      assert.ok(now.size <= 4, "bounded");
      for (const [name, value] of now) assert.ok(value >= (before.get(name) ?? 0), name);
      const all = topics.reduce((sum, topic) => sum + topic.bytesIn, gone);
      assert.equal([...now.values()].reduce((sum, value) => sum + value, goneTold), all);
      before = now;
    }
  });
});
