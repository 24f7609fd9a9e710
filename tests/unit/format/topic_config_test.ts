/** Settings of a topic: every one, its range and its default. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Level } from "../../../src/format/levels.ts";
import {
  changeTopicConfig,
  defaultTopicConfig,
  parseTopicConfig,
  TOPIC_SETTINGS,
} from "../../../src/format/topic_config.ts";

function one(key: string, value: string): unknown {
  return parseTopicConfig([{ key, value }]);
}

test("without settings a topic has the defaults", () => {
  const defaults = defaultTopicConfig();
  assert.deepEqual(parseTopicConfig([]), defaults);
  assert.deepEqual(defaults, {
    durability: Level.fsync,
    flushMs: 100,
    segmentBytes: 1073741824,
    segmentMs: 604800000,
    segmentJitterMs: 0,
    retentionMs: 604800000,
    retentionBytes: Infinity,
    cleanupCompact: false,
    cleanupDelete: true,
    maxMessageBytes: 1048588,
  });
});

test("every setting takes its fallback, and no two have one key", () => {
  assert.equal(new Set(TOPIC_SETTINGS.map(({ key }) => key)).size, TOPIC_SETTINGS.length);
  for (const { key, fallback, text, values } of TOPIC_SETTINGS) {
    assert.deepEqual(one(key, fallback), defaultTopicConfig(), key);
    assert.ok(text.endsWith(".") && values.length > 0, key);
  }
});

test("levels by name", () => {
  const levels = { os: Level.os, interval: Level.interval, fsync: Level.fsync };
  for (const [name, durability] of Object.entries(levels)) {
    assert.deepEqual(one("durability", name), { ...defaultTopicConfig(), durability });
  }
  for (const wrong of ["none", "FSYNC", "", "3", "toString", "__proto__"]) {
    assert.equal(typeof one("durability", wrong), "string", wrong);
  }
});

test("numbers within their range, and the hint says which", () => {
  const ranges = [
    ["flush.ms", "flushMs", 1, 3600000],
    ["segment.bytes", "segmentBytes", 1024, 2147483647],
    ["segment.ms", "segmentMs", 1, 999999999999999],
    ["segment.jitter.ms", "segmentJitterMs", 0, 999999999999999],
    ["max.message.bytes", "maxMessageBytes", 61, 67108864],
  ] as const;
  for (const [key, field, min, max] of ranges) {
    for (const value of [min, max]) {
      assert.deepEqual(one(key, String(value)), { ...defaultTopicConfig(), [field]: value });
    }
    for (const wrong of [min - 1, max + 1, "", " 5000", "5e3", "5000.0", "-1", "1".repeat(16)]) {
      assert.equal(one(key, String(wrong)), `${key}=${wrong} must be ${min} to ${max}`);
    }
  }
});

test("retention without end is -1, as in Kafka", () => {
  const fields = [["retention.ms", "retentionMs"], ["retention.bytes", "retentionBytes"]] as const;
  for (const [key, field] of fields) {
    for (const [value, number] of [["-1", Infinity], ["0", 0], ["86400000", 86400000]] as const) {
      assert.deepEqual(one(key, value), { ...defaultTopicConfig(), [field]: number });
    }
    for (const wrong of ["-2", "", "Infinity", "1e9", "+1", "1".repeat(16)]) {
      const range = "-1 (without end) or 0 to 999999999999999";
      assert.equal(one(key, wrong), `${key}=${wrong} must be ${range}`);
    }
  }
});

test("cleanup policies, both in either order", () => {
  const policies = {
    delete: [false, true],
    compact: [true, false],
    "compact,delete": [true, true],
    "delete,compact": [true, true],
  } as const;
  for (const [name, [cleanupCompact, cleanupDelete]] of Object.entries(policies)) {
    const wanted = { ...defaultTopicConfig(), cleanupCompact, cleanupDelete };
    assert.deepEqual(one("cleanup.policy", name), wanted, name);
  }
  for (const wrong of ["", "none", "Delete", "compact,", "delete,delete", "constructor"]) {
    assert.equal(typeof one("cleanup.policy", wrong), "string", wrong);
  }
});

test("an unknown setting is named, with those there are", () => {
  const refused = one("no.such", "1");
  assert.ok(typeof refused === "string" && refused.startsWith('unknown setting "no.such": '));
  for (const { key } of TOPIC_SETTINGS) assert.ok(refused.includes(key));
});

test("the last of two values counts, and one wrong setting refuses all", () => {
  const twice = [{ key: "flush.ms", value: "5" }, { key: "flush.ms", value: "6" }];
  assert.deepEqual(parseTopicConfig(twice), { ...defaultTopicConfig(), flushMs: 6 });
  const wrong = [{ key: "flush.ms", value: "5" }, { key: "segment.bytes", value: "x" }];
  assert.equal(typeof parseTopicConfig(wrong), "string");
});

test("settings of a topic go over the broker's, and those over the defaults", () => {
  const ofBroker = [{ key: "flush.ms", value: "5" }, { key: "segment.ms", value: "6" }];
  const config = parseTopicConfig([{ key: "flush.ms", value: "7" }], ofBroker);
  assert.deepEqual(config, { ...defaultTopicConfig(), flushMs: 7, segmentMs: 6 });
});

test("a change sets and unsets, each name once, and is refused as a whole", () => {
  const before = [{ key: "flush.ms", value: "1" }, { key: "segment.ms", value: "2" }];
  const set = [{ key: "flush.ms", value: "3" }, { key: "flush.ms", value: "4" }];
  const unset = [{ key: "segment.ms" }, { key: "retention.ms" }];
  assert.deepEqual(changeTopicConfig(before, { set, unset }), [{ key: "flush.ms", value: "4" }]);
  const both = changeTopicConfig(before, { set, unset: [{ key: "flush.ms" }] });
  assert.deepEqual(both, [before[1], { key: "flush.ms", value: "4" }], "unset comes first");
  for (const key of ["nonsense", ""]) {
    assert.match(String(changeTopicConfig(before, { set, unset: [{ key }] })), /unknown setting/);
  }
  const wrong = [...set, { key: "segment.ms", value: "0" }];
  assert.match(String(changeTopicConfig(before, { set: wrong, unset })), /segment\.ms=0 must be/);
});
