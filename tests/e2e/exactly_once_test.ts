/** Exactly-once appends, with few records and kills; exactly_once_gate.ts has a million. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { proveExactlyOnce } from "../support/proof/exactly_once.ts";

test("through a proxy that drops, delays and cuts, and two kills: every record once", async () => {
  const { text } = await proveExactlyOnce({ records: 60_000, kills: 2, seed: 1 });
  assert.match(text, /^60000 records once and in order; 2 kills/);
});
