/** What was stored, summed up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveredOf, DeliveryAccount } from "../../../../src/admin/records/delivered.ts";

test("partitions have their last offset, and the level is the weakest", () => {
  const account = new DeliveryAccount();
  assert.deepEqual([account.records, account.level, account.partitions], [0, null, []]);
  const add = (partition: number, offset: number, level: "os" | "fsync") => {
    account.add({ topic: "t", partition, offset, level });
  };
  add(2, 5, "fsync");
  assert.equal(account.level, "fsync");
  add(0, 9, "os");
  add(2, 4, "fsync");
  assert.deepEqual([account.records, account.level], [3, "os"]);
  assert.deepEqual(account.partitions, [
    { partition: 0, records: 1, lastOffset: 9 },
    { partition: 2, records: 2, lastOffset: 5 },
  ]);
});

test("a delivery is told without its topic", () => {
  const told = deliveredOf({ topic: "t", partition: 1, offset: 2, level: "interval" });
  assert.deepEqual(told, { partition: 1, offset: 2, level: "interval" });
});
