import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Backoff, sleep } from "../../../src/client/backoff.ts";

describe("Backoff", () => {
  test("doubles up to the limit, off by a fifth at the most, and begins anew", () => {
    const backoff = new Backoff(50, 1000);
    const plain = Array.from({ length: 8 }, () => backoff.nextMs(0.5));
    assert.deepEqual(plain.map(Math.round), [50, 100, 200, 400, 800, 1000, 1000, 1000]);
    assert.equal(backoff.attempts, 8);
    backoff.reset();
    assert.equal(Math.round(backoff.nextMs(0)), 40);
    assert.equal(Math.round(backoff.nextMs(1)), 120);
    for (let attempt = 0; attempt < 3000; attempt += 1) assert.ok(backoff.nextMs() <= 1200);
  });

  test("sleep ends early by the signal, and at once by one that has come", async () => {
    const abort = new AbortController();
    const sleeping = sleep(60_000, abort.signal);
    abort.abort();
    await sleeping;
    await sleep(60_000, abort.signal);
  });
});
