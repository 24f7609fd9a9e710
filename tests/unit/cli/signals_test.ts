import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { untilAborted, watchSignals } from "../../../src/cli/signals.ts";

test("a signal is a wish to end, and the same signal twice at once is one wish", async () => {
  // A signal that is waited for keeps no event loop alive.
  const alive = setInterval(() => {}, 1000);
  const signal = watchSignals();
  assert.equal(signal.aborted, false);
  process.kill(process.pid, "SIGTERM");
  await untilAborted(signal);
  process.kill(process.pid, "SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(signal.aborted, "and this process lives");
  await untilAborted(signal);
  clearInterval(alive);
});
