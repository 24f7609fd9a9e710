/** Time index entries against the log: the right ones are confirmed, others are not believed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { GuardedReads } from "../../../src/log/guarded_reads.ts";
import { readIndexes, writeIndexes } from "../../../src/log/index_files.ts";
import type { Partition } from "../../../src/log/partition.ts";
import type { Segment } from "../../../src/log/segment.ts";
import { confirmEntry, seeTail, WRONG } from "../../../src/log/time_confirm.ts";
import { TimeIndex } from "../../../src/log/time_index.ts";
import { Walk } from "../../../src/log/walk.ts";
import { batchOf } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

type Entry = [timestamp: number, lastOffset: number];

/** A time index as a file would give it. */
function indexOf(entries: readonly Entry[]): TimeIndex {
  const view = new DataView(new ArrayBuffer(entries.length * 12));
  entries.forEach(([timestamp, lastOffset], i) => {
    view.setBigInt64(i * 12, BigInt(timestamp));
    view.setInt32(i * 12 + 8, lastOffset);
  });
  const times = new TimeIndex();
  assert.equal(times.decode(view, view.byteLength, 2147483647), true);
  return times;
}

function entriesOf(times: TimeIndex): Entry[] {
  return Array.from({ length: times.count }, (_, i) => [times.timestamp(i), times.lastOffset(i)]);
}

/** One record a batch, of 3 KB or `size`: every second one has an entry of the offset index. */
function logOf(world: LogWorld, timestamps: readonly number[], size = 3000): Partition {
  const { partition } = world.open();
  for (const maxTimestamp of timestamps) {
    world.append(partition, batchOf([new Uint8Array(size)], { maxTimestamp, crc: 1 }));
  }
  return partition;
}

function confirm(world: LogWorld, segment: Segment, entries: readonly Entry[]): number {
  segment.times = indexOf(entries);
  return confirmEntry(new Walk(world.store), segment, entries.length - 1);
}

function readsOf(world: LogWorld): GuardedReads {
  return new GuardedReads(new Walk(world.store));
}

test("an entry is right where its batch is the first as late, from the one before it on", () => {
  const world = new LogWorld();
  const partition = logOf(world, [10, 30, 30, 20, 40, 35, 50, 50]);
  const { active } = partition;
  const right: Entry[][] = [
    [[10, 0]],
    [[30, 1]],
    [[10, 0], [30, 1], [40, 4], [50, 6]],
    [[40, 4], [50, 6]],
    [[30, 1], [50, 6]],
  ];
  for (const entries of right) assert.equal(confirm(world, active, entries), 0, `${entries}`);
  const wrong: Entry[][] = [
    [[10, 1]],
    [[11, 0]],
    [[30, 2]],
    [[20, 3]],
    [[30, 1], [40, 5]],
    [[30, 1], [41, 4]],
    [[30, 1], [39, 4]],
    [[30, 1], [50, 7]],
    [[29, 1], [40, 4]],
    [[30, 2], [35, 5]],
    [[40, 4], [60, 9]],
    [[40, 90], [60, 99]],
  ];
  for (const entries of wrong) assert.equal(confirm(world, active, entries), WRONG, `${entries}`);
  world.close(partition);
});

test("the walk stands at the batch of a confirmed entry", () => {
  const world = new LogWorld();
  const partition = logOf(world, [10, 20, 30]);
  partition.active.times = indexOf([[10, 0], [20, 1]]);
  const walk = new Walk(world.store);
  assert.equal(confirmEntry(walk, partition.active, 1), 0);
  assert.deepEqual([walk.lastOffset, walk.maxTimestamp], [1, 20]);
  world.close(partition);
});

test("the tail behind the last entry is seen, whatever of the index is there", () => {
  forSeeds(60, (prng) => {
    const world = new LogWorld();
    const timestamps = Array.from({ length: prng.between(1, 20) }, () => prng.between(1, 30));
    const partition = logOf(world, timestamps, prng.pick([10, 2500]));
    const { active } = partition;
    active.times!.mark();
    const entries = entriesOf(active.times!);
    const kept = entries.slice(0, prng.below(entries.length + 1));
    const last = kept.at(-1);
    if (last !== undefined && prng.chance(40)) last[prng.below(2)]! += prng.pick([1, 2, 8]);
    active.times = indexOf(kept);
    active.maxTimestamp = -1;
    active.unseenSize = active.size;
    assert.equal(seeTail(readsOf(world), DIRECTORY, active), 0);
    assert.deepEqual([active.maxTimestamp, active.unseenSize], [Math.max(...timestamps), 0]);
    active.times.mark();
    for (const [timestamp, lastOffset] of entriesOf(active.times)) {
      const before = timestamps.slice(0, lastOffset);
      assert.equal(timestamps[lastOffset], timestamp, "an entry names its batch");
      assert.ok(before.every((other) => other < timestamp), "the first as late");
    }
    world.close(partition);
  });
});

test("where timestamps fall for long, the segment is walked once and for all", () => {
  const world = new LogWorld();
  const falling = Array.from({ length: 20 }, (_, i) => 100 - i);
  const partition = logOf(world, [...falling, 200], 1000000);
  const { active } = partition;
  assert.equal(confirm(world, active, [[100, 0], [200, 20]]), WRONG, "20 MB between them");
  active.unseenSize = active.size;
  assert.equal(seeTail(readsOf(world), DIRECTORY, active), 0);
  assert.equal(active.times!.isFromFile, false);
  assert.equal(active.maxTimestamp, 200);
  world.close(partition);
});

test("a read that fails is told, and nothing is believed to be seen", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const partition = logOf(world, [10, 20, 30, 40]);
  const { active } = partition;
  active.times!.mark();
  writeIndexes(world.store, DIRECTORY, active);
  assert.equal(readIndexes(world.store, DIRECTORY, active), true);
  for (let nth = 1; nth <= 2; nth += 1) {
    active.unseenSize = active.size;
    faulty.failNth("pread", nth, -EIO);
    assert.equal(seeTail(readsOf(world), DIRECTORY, active), -EIO, `read ${nth}`);
    assert.equal(active.unseenSize, active.size);
    faulty.heal();
  }
  assert.equal(seeTail(readsOf(world), DIRECTORY, active), 0);
  world.close(partition);
});
