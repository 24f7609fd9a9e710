/** The syncs of a recovery: which calls are made when, and which ones wait for the group. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { StorageError } from "../../../src/log/files.ts";
import { openSegment } from "../../../src/log/recovery_files.ts";
import { RecoverySyncs } from "../../../src/log/recovery_syncs.ts";
import type { Segment } from "../../../src/log/segment.ts";
import { SerialSyncs, SyncGroup } from "../../../src/log/sync_group.ts";
import { batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

interface Made {
  readonly world: LogWorld;
  readonly faulty: FaultyLibc;
  readonly segment: Segment;
  readonly syncs: RecoverySyncs;
  readonly group: SyncGroup;
  /** Calls since the last time. */
  calls(): string[];
}

function make(): Made {
  const first = new LogWorld();
  const { partition } = first.open();
  first.append(partition, batchOfSize(500));
  first.sync(partition);
  first.close(partition);
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ root: first.root, libc: faulty.libc });
  const segment = openSegment(world.store, DIRECTORY, 0);
  const group = new SyncGroup(world.libc, new SerialSyncs(world.libc));
  const syncs = new RecoverySyncs(world.store, DIRECTORY);
  let seen = faulty.calls.length;
  const calls = () => {
    const names = faulty.calls.slice(seen);
    seen = faulty.calls.length;
    return names;
  };
  return { world, faulty, segment, group, syncs, calls };
}

function end({ world, segment }: Made): void {
  world.store.drop(segment);
  world.end();
}

test("the last segment waits for the group; then its cache goes, and its end is read ahead", () => {
  const made = make();
  const { syncs, segment, group, calls } = made;
  syncs.ahead(segment, group);
  assert.deepEqual(calls(), []);
  group.run();
  assert.deepEqual(calls(), ["fsync", "fadvise", "fadvise", "readahead"]);
  end(made);
});

test("a segment in the middle is synced at once", () => {
  const made = make();
  made.syncs.now(made.segment);
  assert.deepEqual(made.calls(), ["fdatasync", "fadvise", "fadvise"]);
  end(made);
});

test("the cut of the last segment is synced with the group, any other at once", () => {
  const made = make();
  const { syncs, segment, group, calls } = made;
  syncs.cut(segment, 400, true);
  assert.deepEqual(calls(), ["ftruncate"]);
  syncs.settle(segment, group);
  group.run();
  assert.deepEqual(calls(), ["fsync"]);
  const other = new RecoverySyncs(made.world.store, DIRECTORY);
  other.cut(segment, 300, false);
  assert.deepEqual(calls(), ["ftruncate", "fsync"]);
  other.settle(segment, group);
  group.run();
  assert.deepEqual(calls(), [], "it is on disk");
  end(made);
});

test("a cut segment that is not the last one any more is nobody's to sync", () => {
  const made = make();
  const another = openSegment(made.world.store, DIRECTORY, 0);
  made.syncs.cut(made.segment, 400, true);
  made.syncs.settle(another, made.group);
  made.group.run();
  assert.equal(made.faulty.count("fsync"), 0);
  made.world.store.drop(another);
  end(made);
});

test("what is refused names partition and file", () => {
  for (const step of ["ahead", "settle"] as const) {
    const made = make();
    made.faulty.failNth("fsync", 1, -EIO);
    if (step === "settle") made.syncs.cut(made.segment, 400, true);
    made.syncs[step](made.segment, made.group);
    const isNamed = (error: unknown) => {
      return error instanceof StorageError && /^orders-0: sync 0+\.log: EIO/.test(error.message);
    };
    assert.throws(() => made.group.run(), isNamed, step);
    end(made);
  }
});
