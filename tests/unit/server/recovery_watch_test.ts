/** A short start says nothing; a long one says where it is, now and then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTraceSink } from "../../../src/base/trace.ts";
import { MiB } from "../../../src/base/units.ts";
import { RECOVERY_TELL_MS, START_PROGRESS_MS } from "../../../src/limits.ts";
import type { ShardMessage } from "../../../src/server/messages.ts";
import { RecoveryWatch } from "../../../src/server/recovery_watch.ts";

function watched(partitions: number) {
  const told: ShardMessage[] = [];
  const clock = { nowMs: 1000, monotonicMs: () => clock.nowMs };
  return {
    told,
    clock,
    watch: new RecoveryWatch(clock, partitions, (message) => told.push(message)),
  };
}

test("nothing is told in the first moment", () => {
  const { told, clock, watch } = watched(3);
  watch.opened(3);
  clock.nowMs += RECOVERY_TELL_MS - 1;
  watch.scanned(5);
  assert.deepEqual(told, []);
});

test("then partitions and bytes of all of them, at most once in a while", () => {
  const { told, clock, watch } = watched(300);
  watch.scanned(100);
  watch.opened(1);
  clock.nowMs += RECOVERY_TELL_MS;
  watch.scanned(20);
  watch.scanned(30);
  assert.deepEqual(told, [
    { kind: "recovering", partitionsDone: 1, partitions: 300, scannedBytes: 120 },
  ]);
  clock.nowMs += RECOVERY_TELL_MS;
  watch.opened(256);
  assert.deepEqual(told[1], {
    kind: "recovering",
    partitionsDone: 257,
    partitions: 300,
    scannedBytes: 150,
  });
});

test("a line for people comes less often", () => {
  const { clock, watch } = watched(300);
  const said: string[] = [];
  setTraceSink((level, message) => said.push(`${level} ${message}`));
  for (let passedMs = 0; passedMs < 2 * START_PROGRESS_MS; passedMs += RECOVERY_TELL_MS) {
    clock.nowMs += RECOVERY_TELL_MS;
    watch.scanned(MiB);
    watch.opened(20);
  }
  setTraceSink(() => {});
  const steps = START_PROGRESS_MS / RECOVERY_TELL_MS;
  assert.deepEqual(said, [
    `info start: ${20 * (steps - 1)} of 300 partitions, ${steps} MiB scanned`,
    `info start: ${20 * (2 * steps - 1)} of 300 partitions, ${2 * steps} MiB scanned`,
  ]);
});
