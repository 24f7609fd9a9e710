/** A short start says nothing; a long one says where it is, now and then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RECOVERY_TELL_MS } from "../../../src/limits.ts";
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
  for (let i = 0; i < 3; i += 1) watch.opened();
  clock.nowMs += RECOVERY_TELL_MS - 1;
  watch.scanned(5);
  assert.deepEqual(told, []);
});

test("then partitions and bytes of all of them, at most once in a while", () => {
  const { told, clock, watch } = watched(3);
  watch.scanned(100);
  watch.opened();
  clock.nowMs += RECOVERY_TELL_MS;
  watch.scanned(20);
  watch.scanned(30);
  assert.deepEqual(told, [
    { kind: "recovering", partitionsDone: 1, partitions: 3, scannedBytes: 120 },
  ]);
  clock.nowMs += RECOVERY_TELL_MS;
  watch.opened();
  assert.deepEqual(told[1], {
    kind: "recovering",
    partitionsDone: 2,
    partitions: 3,
    scannedBytes: 130,
  });
});
