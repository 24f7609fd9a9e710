/** From what there is to what is wanted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { changeLines, planOf } from "../../../../src/cli/apply/plan.ts";
import { parseTopicsFile } from "../../../../src/cli/apply/topics_file.ts";

function there(name: string, partitions: number, config: Record<string, string> = {}) {
  return {
    error: 0,
    name,
    topicId: "01234567-89ab-4cde-8f01-23456789abcd",
    partitions: Array.from({ length: partitions }, () => ({ leader: 0 })),
    config: Object.entries(config).map(([key, value]) => ({ key, value })),
  };
}

function wanted(text: string) {
  return parseTopicsFile(`topics:\n${text}`, "t.yaml");
}

const FILE = [
  "  - { name: fresh, partitions: 3, config: { durability: os } }",
  "  - { name: same, partitions: 2, config: { cleanup.policy: 'delete,compact' } }",
  "  - { name: other, partitions: 4, config: { flush.ms: 5, durability: os } }",
].join("\n");

const THERE = [
  there("__consumer_offsets", 8),
  there("same", 2, { "cleanup.policy": "compact,delete", "flush.ms": "9" }),
  there("other", 2, { "flush.ms": "100", durability: "os" }),
  there("stray", 1),
];

test("what is to be created, set and given more partitions; the rest stays", () => {
  const { changes, same, kept } = planOf(wanted(FILE), THERE, false);
  assert.deepEqual(changes, [
    {
      change: "create",
      topic: "fresh",
      partitions: 3,
      config: [{ key: "durability", value: "os" }],
    },
    { change: "set", topic: "other", settings: [{ key: "flush.ms", before: "100", after: "5" }] },
    { change: "grow", topic: "other", before: 2, after: 4 },
  ]);
  assert.deepEqual([same, kept], [1, ["stray"]]);
  assert.deepEqual(changes.flatMap(changeLines), [
    "+ fresh: create, 3 partitions",
    "    durability=os",
    "~ other: set",
    "    flush.ms: 100 -> 5",
    "~ other: 2 -> 4 partitions",
  ]);
});

test("only prune deletes, and never what is the broker's own", () => {
  const { changes, kept } = planOf(wanted("  - { name: same, partitions: 2 }"), THERE, true);
  assert.deepEqual(changes.map(({ change, topic }) => [change, topic]), [
    ["delete", "other"],
    ["delete", "stray"],
  ]);
  assert.deepEqual(kept, []);
  assert.deepEqual(changeLines(changes[1]!), [
    "- stray: delete, 1 partition with all their records",
  ]);
});

test("fewer partitions are refused where they are written", () => {
  const few = wanted("  - name: other\n    partitions: 1");
  assert.throws(() => planOf(few, THERE, false), /^ConfigError: t\.yaml:3: other has 2 partitions/);
});
