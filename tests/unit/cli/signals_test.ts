import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { pause, untilAborted, watchSignals } from "../../../src/cli/signals.ts";

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

test("a pause ends with its time or with the signal, and listens no longer than that", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listening = new Set<unknown>();
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening.add(args[1]);
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening.delete(args[1]);
    remove.apply(signal, args);
  };
  await pause(1, signal);
  assert.equal(listening.size, 0);
  const long = pause(3_600_000, signal);
  assert.equal(listening.size, 1);
  controller.abort();
  await long;
  await pause(3_600_000, signal);
  assert.equal(listening.size, 0);
});
