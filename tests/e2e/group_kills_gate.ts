/** A group whose consumer is killed a hundred times, and the broker twenty times between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { figure } from "../support/figures.ts";
import { proveGroupKills } from "../support/proof/group_kills.ts";

const SEED = 20260413;

test("a hundred kills of the consumer, twenty of the broker: at least once", async () => {
  const kills = await proveGroupKills({ consumerKills: 100, brokerEvery: 5, seed: SEED });
  figure(kills.text);
  assert.ok(kills.repeated > 0, "kills came between processing and commit");
});
