/** Groups of syncs: each hears its own result, once, and what is to be closed is closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSPC, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import { must, StorageError } from "../../../src/log/files.ts";
import { type ManySyncs, SerialSyncs, SyncGroup } from "../../../src/log/sync_group.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

/** So many open files, of a libc that counts. */
function files(count: number): { world: LogWorld; faulty: FaultyLibc; fds: number[] } {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const fds = Array.from({ length: count }, (_, i) => {
    return must(world.libc.openat(world.dataFd, `f${i}`, O_RDWR | O_CREAT, 0o600), "open");
  });
  return { world, faulty, fds };
}

test("each hears the result of its own file; those to be closed are closed before", () => {
  const { world, faulty, fds } = files(3);
  faulty.failNth("fsync", 2, -EIO);
  const group = new SyncGroup(world.libc, new SerialSyncs(world.libc));
  const heard: string[] = [];
  fds.forEach((fd, i) => {
    group.add(fd, i === 0, (result) => heard.push(`${i}: ${result}, ${faulty.count("close")}`));
  });
  group.run();
  assert.deepEqual(heard, ["0: 0, 1", `1: ${-EIO}, 1`, "2: 0, 1"]);
  group.run();
  assert.equal(heard.length, 3, "a group is empty when it was run");
  for (const fd of fds.slice(1)) world.libc.close(fd);
  world.end();
});

test("the first refusal is thrown when all have heard; a bug at once", () => {
  const syncs: ManySyncs = {
    sync: (fds, results) => fds.forEach((_, i) => results[i] = [-EIO, -ENOSPC, 0][i]!),
  };
  const group = new SyncGroup(libcWithoutSyncs, syncs);
  const heard: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    group.add(i, false, (result) => {
      heard.push(result);
      must(result, `sync ${i}`);
    });
  }
  const isFirst = (error: unknown) => error instanceof StorageError && error.errno === EIO;
  assert.throws(() => group.run(), isFirst);
  assert.deepEqual(heard, [-EIO, -ENOSPC, 0]);
  group.add(0, false, () => {
    throw new TypeError("a bug");
  });
  assert.throws(() => group.run(), TypeError);
});

test("what is dropped is closed and hears nothing; without files nothing is asked for", () => {
  const { world, faulty, fds } = files(2);
  const group = new SyncGroup(world.libc, new SerialSyncs(world.libc));
  group.run();
  group.add(fds[0]!, true, () => assert.fail("it was dropped"));
  group.add(fds[1]!, false, () => assert.fail("it was dropped"));
  group.drop();
  group.run();
  assert.deepEqual([faulty.count("fsync"), faulty.count("close")], [0, 1]);
  world.libc.close(fds[1]!);
  world.end();
});
