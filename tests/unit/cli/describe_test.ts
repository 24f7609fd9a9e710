import assert from "node:assert/strict";
import { test } from "node:test";
import { PARTITION_COLUMNS, partitionRows, summaryOf } from "../../../src/cli/describe.ts";
import { tabbed } from "../../../src/cli/table.ts";

const ENDS = { logStart: 1, visibleEnd: 5, durableEnd: 6, logEnd: 7, sizeBytes: 800, segments: 2 };
const TOPIC = {
  error: 0,
  name: "orders",
  topicId: "id",
  cacheHitBytes: 0,
  cacheMissBytes: 0,
  partitions: [{ state: 0, ...ENDS }, { state: 1, ...ENDS }, { state: 9, ...ENDS }],
};

test("a partition is a line: state, ends, bytes, files", () => {
  assert.equal(
    tabbed(PARTITION_COLUMNS, partitionRows(TOPIC)),
    "orders\t0\tok\t1\t5\t6\t7\t800\t2\n" +
      "orders\t1\tdegraded\t1\t5\t6\t7\t800\t2\n" +
      "orders\t2\t9\t1\t5\t6\t7\t800\t2\n",
  );
});

test("a topic is a line of its own, with its share of the page cache where it was read", () => {
  assert.equal(summaryOf(TOPIC, undefined), "orders: id id\n");
  const described = {
    error: 0,
    name: "orders",
    topicId: "id",
    partitions: [],
    config: [{ key: "durability", value: "os" }],
  };
  assert.equal(
    summaryOf({ ...TOPIC, cacheHitBytes: 98, cacheMissBytes: 2 }, described),
    "orders: id id, 98 % of fetched bytes from the page cache; durability=os\n",
  );
});
