/** What recovery does to files: each step is on disk when it returns, and leaves nothing open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EIO } from "../../../ffi/constants.ts";
import { StorageError } from "../../../src/log/files.ts";
import * as files from "../../../src/log/recovery_files.ts";
import { batchOf, batchOfSize, concat } from "../../support/batches.ts";
import { type CallName, FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

function named(base: number, suffix: string = ".log"): string {
  return String(base).padStart(20, "0") + suffix;
}

/** A partition's directory with segments that begin at these offsets, 100 bytes each. */
function planted(bases: readonly number[]): { world: LogWorld; faulty: FaultyLibc } {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  mkdirSync(join(world.root, DIRECTORY));
  for (const base of bases) {
    for (const suffix of [".log", ".index", ".timeindex"]) {
      world.write(named(base, suffix), new Uint8Array(100));
    }
  }
  return { world, faulty };
}

function isOpen(faulty: FaultyLibc): number {
  return faulty.opened - faulty.count("close");
}

test("segments are listed by offset, snapshots with them, temporary files go", () => {
  const { world } = planted([2000, 5, 30]);
  for (const name of [named(30, ".snapshot"), "x.tmp", "notes.txt"]) {
    world.write(name, new Uint8Array(1));
  }
  const { bases, snapshots } = files.listPartition(world.store, DIRECTORY);
  assert.deepEqual([bases, snapshots], [[5, 30, 2000], [30]]);
  assert.ok(!world.names().includes("x.tmp"));
  assert.ok(world.names().includes("notes.txt"));
  world.end();
});

test("segments go with their indexes, and the bytes are counted", () => {
  const { world } = planted([0, 10, 20]);
  world.write(named(10), new Uint8Array(77));
  assert.equal(files.removeSegments(world.store, DIRECTORY, [0, 10, 99]), 177);
  assert.deepEqual(world.names(), [named(20, ".index"), named(20), named(20, ".timeindex")]);
  world.end();
});

test("all of a log gives way to an empty segment", () => {
  const { world, faulty } = planted([0, 10]);
  const before = isOpen(faulty);
  const segments = [
    files.statSegment(world.store, DIRECTORY, 0),
    files.openSegment(world.store, DIRECTORY, 10),
  ];
  files.replaceAll(world.store, DIRECTORY, segments, 42);
  assert.deepEqual(segments.map(({ baseOffset, size }) => [baseOffset, size]), [[42, 0]]);
  assert.deepEqual(world.names(), [named(42)]);
  world.store.drop(segments[0]!);
  assert.equal(isOpen(faulty), before);
  world.end();
});

test("a step that fails throws and leaves nothing open", () => {
  const cases: [CallName, number, (world: LogWorld) => unknown][] = [
    ["openat", 1, ({ store }) => files.listPartition(store, DIRECTORY)],
    ["readDirectory", 1, ({ store }) => files.listPartition(store, DIRECTORY)],
    ["openat", 1, ({ store }) => files.openSegment(store, DIRECTORY, 0)],
    ["statx", 1, ({ store }) => files.openSegment(store, DIRECTORY, 0)],
    ["statx", 1, ({ store }) => files.statSegment(store, DIRECTORY, 0)],
    ["openat", 1, ({ store }) => files.createFirst(store, DIRECTORY, 50)],
    ["openat", 2, ({ store }) => files.createFirst(store, DIRECTORY, 51)],
    ["fsync", 1, ({ store }) => files.createFirst(store, DIRECTORY, 52)],
    ["unlinkat", 1, ({ store }) => files.removeSegments(store, DIRECTORY, [0])],
    ["fsync", 1, ({ store }) => files.removeSegments(store, DIRECTORY, [0])],
  ];
  for (const [call, nth, step] of cases) {
    const { world, faulty } = planted([0]);
    const before = isOpen(faulty);
    faulty.failNth(call, nth, -EIO);
    assert.throws(() => step(world), StorageError, `${call} ${nth}`);
    assert.equal(isOpen(faulty), before, `${call} ${nth}: ${step}`);
    faulty.heal();
    world.end();
  }
});

test("a segment is cut, and synced after that", () => {
  const { world, faulty } = planted([0]);
  const segment = files.openSegment(world.store, DIRECTORY, 0);
  const from = faulty.calls.length;
  files.cutSegment(world.store, segment, 40);
  assert.deepEqual(faulty.calls.slice(from), ["ftruncate", "fsync"]);
  assert.equal(world.file(named(0)).length, 40);
  for (const call of ["ftruncate", "fsync"] as const) {
    faulty.failNth(call, 1, -EIO);
    assert.throws(() => files.cutSegment(world.store, segment, 30), StorageError, call);
  }
  world.store.drop(segment);
  world.end();
});

test("a segment is as old as its first timestamp, where that can be", () => {
  const { world } = planted([0]);
  const written = [0, 1000, 1700000000000, 9999999999999].map((maxTimestamp) => {
    world.write(
      named(0),
      concat([batchOf([new Uint8Array(3)], { maxTimestamp }), batchOfSize(90)]),
    );
    const segment = files.openSegment(world.store, DIRECTORY, 0);
    files.setAge(world.store, segment);
    const { firstAppendMs, lastAppendMs } = segment;
    world.store.drop(segment);
    return firstAppendMs === lastAppendMs ? "last write" : firstAppendMs;
  });
  assert.deepEqual(written, ["last write", 1000, 1700000000000, "last write"]);
  world.end();
});
