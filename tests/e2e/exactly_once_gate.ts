/** A million records through a proxy that drops, delays and cuts, and ten kills of the broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { figure } from "../support/figures.ts";
import { proveExactlyOnce } from "../support/proof/exactly_once.ts";

const SEED = 20260412;

test("a million records, ten kills: every record once, each key in order", async () => {
  const once = await proveExactlyOnce({ records: 1_000_000, kills: 10, seed: SEED });
  figure(once.text);
  assert.ok(once.delays > 0 && once.drops > 0 && once.cuts > 0, "all that a proxy may do");
  assert.ok(once.duplicates > 0, "the broker met batches that it had");
});

test("without idempotence the same proof fails", async () => {
  const plain = { records: 200_000, kills: 5, seed: SEED, idempotence: false };
  await assert.rejects(proveExactlyOnce(plain), /key \d+ in partition/);
});
