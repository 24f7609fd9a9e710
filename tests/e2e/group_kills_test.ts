/** A group whose consumer is killed, a few times; group_kills_gate.ts does it a hundred times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { proveGroupKills } from "../support/proof/group_kills.ts";

test("six kills of the consumer, two of the broker: nothing skipped, nothing ahead", async () => {
  const { text } = await proveGroupKills({ consumerKills: 6, brokerEvery: 3, seed: 1 });
  assert.match(text, /^6 kills of the consumer, 2 of the broker: 1800 records/);
});
