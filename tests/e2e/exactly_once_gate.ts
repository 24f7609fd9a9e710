/** A million records through a proxy that drops, delays and cuts, and ten kills of the broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { figure } from "../support/figures.ts";
import { proveExactlyOnce } from "../support/proof/exactly_once.ts";

const SEED = 20260412;

test("a million records, ten kills: every record once, each key in order", async () => {
  figure(await proveExactlyOnce({ records: 1_000_000, kills: 10, seed: SEED }));
});

test("without idempotence the same proof fails", async () => {
  const plain = { records: 200_000, kills: 5, seed: SEED, idempotence: false };
  await assert.rejects(proveExactlyOnce(plain), /key \d+ in partition/);
});
