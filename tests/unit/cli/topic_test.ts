import assert from "node:assert/strict";
import { test } from "node:test";
import { tabbed } from "../../../src/cli/table.ts";
import { TOPIC_COLUMNS, topicRow } from "../../../src/cli/topic.ts";

test("a topic is one line, by tabs", () => {
  const row = topicRow({
    error: 0,
    name: "orders",
    topicId: "id",
    partitions: [{ leader: 0 }, { leader: 0 }],
    config: [{ key: "durability", value: "os" }, { key: "flush.ms", value: "100" }],
  });
  assert.equal(tabbed(TOPIC_COLUMNS, [row]), "orders\t2\tdurability=os flush.ms=100\n");
  assert.deepEqual(row.config, { "durability": "os", "flush.ms": "100" });
});
