import assert from "node:assert/strict";
import { test } from "node:test";
import { topicLine } from "../../../src/cli/topic.ts";

test("a topic is one line, by tabs", () => {
  const line = topicLine({
    error: 0,
    name: "orders",
    topicId: "",
    partitions: [{ leader: 0 }, { leader: 0 }],
    config: [{ key: "durability", value: "os" }, { key: "flush.ms", value: "100" }],
  });
  assert.equal(line, "orders\t2\tdurability=os flush.ms=100\n");
});
