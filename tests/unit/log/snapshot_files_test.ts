/** Producer snapshots on disk: which stay, which is loaded, and what a bad one costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { StorageError } from "../../../src/log/files.ts";
import { encodeSnapshot } from "../../../src/log/producer_snapshot.ts";
import { ProducerState } from "../../../src/log/producer_state.ts";
import { SnapshotFiles } from "../../../src/log/snapshot_files.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

interface Made {
  readonly world: LogWorld;
  readonly faulty: FaultyLibc;
  readonly files: SnapshotFiles;
}

function make(): Made {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  partition.close();
  for (const name of world.names(".snapshot")) faulty.libc.unlinkat(world.dataFd, name, 0);
  return { world, faulty, files: new SnapshotFiles(world.store, DIRECTORY, []) };
}

/** A state in which producer 7 has written up to `offset`. */
function stateAt(offset: number): ProducerState {
  const state = new ProducerState();
  state.append(7, 0, 0, offset - 1, 0, offset - 1, 1000);
  return state;
}

function write({ world, files }: Made, offset: number): void {
  const fd = files.write(offset, encodeSnapshot(stateAt(offset)));
  assert.ok(fd > 0);
  world.libc.close(fd);
}

function snapshots({ world }: Made): number[] {
  return world.names(".snapshot").map((name) => Number(name.slice(0, 20))).filter((n) => n > 0);
}

test("the last two stay", () => {
  const made = make();
  for (const offset of [10, 20, 20, 30]) write(made, offset);
  assert.deepEqual(snapshots(made), [20, 30]);
  assert.equal(made.files.latest, 30);
  made.world.end();
});

test("one that cannot be removed now goes with a later one", () => {
  const made = make();
  const { fileJobs } = made.world.store;
  const open = made.faulty.opened - made.faulty.count("close");
  Object.assign(made.world.store, { fileJobs: { unlinkSnapshot: () => false } });
  for (const offset of [10, 20, 30, 40]) write(made, offset);
  assert.deepEqual(snapshots(made), [10, 20, 30, 40]);
  assert.equal(made.faulty.opened - made.faulty.count("close"), open, "nothing stays open");
  Object.assign(made.world.store, { fileJobs });
  write(made, 50);
  assert.deepEqual(snapshots(made), [40, 50]);
});

test("the latest at or below the recovery point is loaded, none above it", () => {
  const made = make();
  for (const offset of [10, 20]) write(made, offset);
  for (const [point, expected] of [[9, 0], [10, 10], [19, 10], [20, 20], [99, 20]] as const) {
    const { offset, producers } = made.files.load(point, 0);
    assert.equal(offset, expected, `at ${point}`);
    const code = producers.check(7, 0, 0, offset - 1);
    assert.equal(code, offset === 0 ? ErrorCodes.none : ErrorCodes.duplicate_sequence);
  }
  const { offset, producers } = made.files.load(99, 20);
  assert.deepEqual([offset, producers.size], [20, 0], "one at the log start says nothing");
  made.world.end();
});

test("one that is damaged, cut short or cannot be read gives way to the one before", () => {
  const made = make();
  const { world, faulty } = made;
  const name = "00000000000000000020.snapshot";
  const loaded = () => {
    const files = new SnapshotFiles(world.store, DIRECTORY, [20, 10]);
    const { offset } = files.load(50, 0);
    assert.equal(files.latest, offset, "what is bad is written anew");
    return offset;
  };
  for (const offset of [10, 20]) write(made, offset);
  const whole = world.file(name);
  for (let length = 0; length < whole.length; length += 1) {
    world.write(name, whole.slice(0, length));
    assert.equal(loaded(), 10, `${length} bytes`);
  }
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    world.write(name, whole.with(bit >> 3, whole[bit >> 3]! ^ (1 << (bit & 7))));
    assert.equal(loaded(), 10, `bit ${bit}`);
  }
  world.write(name, whole);
  faulty.failNth("pread", 1, -EIO);
  assert.equal(loaded(), 10);
  faulty.failNth("openat", 1, -EIO);
  assert.equal(loaded(), 10);
  faulty.heal();
  assert.equal(loaded(), 20);
  world.end();
});

test("one that could not be written is not there, and the older ones stay", () => {
  const made = make();
  const { files, faulty, world } = made;
  for (const offset of [10, 20]) write(made, offset);
  for (const call of ["openat", "pwrite"] as const) {
    const before = faulty.opened - faulty.count("close");
    faulty.failNth(call, 1, -ENOSPC);
    assert.equal(files.write(30, encodeSnapshot(stateAt(30))), -ENOSPC, call);
    assert.equal(faulty.opened - faulty.count("close"), before, `${call}: nothing stays open`);
    assert.deepEqual(snapshots(made), [10, 20], call);
    assert.equal(files.latest, 20, call);
  }
  world.end();
});

test("those above the end of the log are removed, or nobody may start", () => {
  const made = make();
  const { files, faulty, world } = made;
  for (const offset of [10, 20]) write(made, offset);
  files.removeAbove(20);
  assert.deepEqual(snapshots(made), [10, 20]);
  faulty.failNth("unlinkat", 1, -EIO);
  assert.throws(() => files.removeAbove(15), StorageError);
  faulty.failNth("fsync", 1, -EIO);
  assert.throws(() => files.removeAbove(15), StorageError, "it must be gone for good");
  faulty.heal();
  files.removeAbove(15);
  assert.deepEqual(snapshots(made), [10]);
  assert.equal(files.latest, 10);
  world.end();
});
