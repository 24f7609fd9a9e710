/** leader-epoch-checkpoint: a line is on disk before its epoch's first batch is. */
import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import { loadEpochs, openEpoch, saveEpochs } from "../../../src/log/epoch_file.ts";
import { StorageError } from "../../../src/log/files.ts";
import { LeaderEpochs } from "../../../src/log/leader_epochs.ts";
import { batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

const NAME = "leader-epoch-checkpoint";

function text(world: LogWorld): string {
  return new TextDecoder().decode(world.file(NAME));
}

test("what was saved is loaded; a file that is missing or wrong says nothing", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  assert.equal(text(world), "0\n1\n0 0\n", "that of its opening");
  unlinkSync(join(world.root, DIRECTORY, NAME));
  assert.equal(loadEpochs(world.store, DIRECTORY), null, "none");
  const epochs = new LeaderEpochs();
  epochs.assign(2, 0);
  epochs.assign(5, 40);
  saveEpochs(world.store, DIRECTORY, epochs);
  assert.equal(text(world), "0\n2\n2 0\n5 40\n");
  assert.deepEqual(loadEpochs(world.store, DIRECTORY)!.entries, epochs.entries);
  for (const wrong of ["", "0\n2\n2 0\n", "0\n2\n5 40\n2 50\n", "0\n1\n5 x\n"]) {
    world.write(NAME, new TextEncoder().encode(wrong));
    assert.equal(loadEpochs(world.store, DIRECTORY), null, JSON.stringify(wrong));
  }
  world.close(partition);
});

test("the line of an epoch is written as the log is opened, and not by its batches", () => {
  const world = new LogWorld();
  const { partition } = world.open({}, { epoch: 7 });
  assert.equal(text(world), "0\n1\n7 0\n");
  world.write(NAME, new Uint8Array(0));
  world.append(partition, batchOfSize(100));
  assert.equal(text(world), "", "it is not written again");
  world.sync(partition);
  world.close(partition);
});

test("an epoch without a batch gives way to the next one; a full disk lets a log open", () => {
  const world = new LogWorld();
  world.close(world.open({}, { epoch: 7 }).partition);
  const again = new LogWorld({ root: world.root });
  again.close(again.open({}, { epoch: 7 }).partition);
  assert.equal(text(again), "0\n1\n7 0\n", "a clean start changes nothing");
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const full = new LogWorld({ root: world.root, libc: faulty.libc });
  faulty.failNth("pwrite", 1, -ENOSPC);
  const { partition } = full.open({}, { epoch: 9 });
  assert.equal(text(full), "0\n1\n7 0\n", "there is no room for the line");
  full.append(partition, batchOfSize(100));
  assert.equal(text(full), "0\n1\n9 0\n", "the first batch tries again");
  full.sync(partition);
  full.close(partition);
});

test("where the line cannot be written there is no epoch, and no batch of it", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  const epochs = new LeaderEpochs();
  assert.equal(openEpoch(world.store, DIRECTORY, epochs, 3, 0), 0);
  const before = epochs.entries;
  for (const call of ["openat", "pwrite", "fsync", "renameat"] as const) {
    const open = faulty.opened - faulty.count("close");
    faulty.failNth(call, 1, -EIO);
    assert.equal(openEpoch(world.store, DIRECTORY, epochs, 4, 10), -EIO, call);
    assert.deepEqual(epochs.entries, before, call);
    assert.equal(faulty.opened - faulty.count("close"), open, `${call}: nothing stays open`);
  }
  assert.throws(() => {
    faulty.failNth("openat", 1, -EIO);
    loadEpochs(world.store, DIRECTORY);
  }, StorageError);
  faulty.heal();
  assert.equal(openEpoch(world.store, DIRECTORY, epochs, 4, 10), 0);
  assert.equal(text(world), "0\n2\n3 0\n4 10\n");
  world.close(partition);
});
