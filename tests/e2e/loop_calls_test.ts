/** A shard's loop makes no call that waits for a disk, seen by strace. The gate takes longer. */
import { proveLoop } from "../support/loop_calls.ts";
import { testOrSkip } from "../support/skip.ts";
import { straceMissing } from "../support/strace.ts";

testOrSkip(
  "rolls, retention, topics that come and go: the loop waits for no disk",
  straceMissing(),
  async () => {
    await proveLoop({ rounds: 60, topics: 2, partitions: 64, largeBytes: 20971520 });
  },
);
