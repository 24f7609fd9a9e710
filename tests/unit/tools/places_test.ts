/** Names of a data directory, and who holds its lock. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, LOCK_EX, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import {
  closeRoot,
  holderIn,
  lockHolder,
  openFile,
  openPartitionPlace,
  openRoot,
  parseSegmentName,
  partitionNames,
  rootKind,
} from "../../../src/tools/places.ts";
import { TestDirectory } from "../../support/data_directory.ts";

test("names of a segment's files", () => {
  const log = { offset: 5, kind: ".log" };
  assert.deepEqual(parseSegmentName("00000000000000000005.log"), log);
  for (const name of ["5.log", "00000000000000000005.log.damaged-1", "00000000000000000005.logs"]) {
    assert.equal(parseSegmentName(name), null, name);
  }
  assert.equal(parseSegmentName("99999999999999999999.log"), null, "above 2^53");
});

test("partitions are sorted by topic and number", () => {
  const made = new TestDirectory();
  for (const name of ["b-10", "b-9", "a-0", "b-2"]) made.write(`${name}/x`, "");
  made.write("c-1", "a file");
  const root = openRoot(libc, made.root);
  assert.deepEqual(partitionNames(root), ["a-0", "b-2", "b-9", "b-10"]);
  assert.equal(rootKind(root), "kafka");
  closeRoot(root);
  assert.throws(() => openRoot(libc, made.path("nothing")), /does not exist/);
});

test("symbolic links are not followed", () => {
  const made = new TestDirectory();
  made.write("orders-0/00000000000000000000.log", "");
  made.write("secret", "secret");
  symlinkSync(made.path("secret"), made.path("orders-0/00000000000000000009.log"));
  symlinkSync(made.path("orders-0"), made.path("link-0"));
  const root = openRoot(libc, made.root);
  const place = openPartitionPlace(root, "orders-0");
  assert.throws(() => openFile(root, place.segments[1]!.path), /ELOOP/);
  assert.deepEqual(partitionNames(root), ["orders-0"]);
  closeRoot(root);
});

test("who holds a lock is read from the kernel's list", () => {
  const list = [
    "1: POSIX  ADVISORY  WRITE 708 08:02:1312 0 EOF",
    "2: FLOCK  ADVISORY  WRITE 709 fd:00:77 0 EOF",
    "2: -> FLOCK  ADVISORY  WRITE 710 fd:00:78 0 EOF",
    "3: OFDLCK ADVISORY  WRITE -1 08:02:79 0 EOF",
    "",
  ].join("\n");
  assert.equal(holderIn(list, 1312), "kafka");
  assert.equal(holderIn(list, 77), "sluice");
  assert.equal(holderIn(list, 77, "kafka"), "nobody");
  assert.equal(holderIn(list, 78), "nobody", "it only waits");
  assert.equal(holderIn(list, 79), "kafka");
  assert.equal(holderIn(list, 13), "nobody");
});

test("a held lock is seen, and looking leaves it free", () => {
  const made = new TestDirectory();
  const root = openRoot(libc, made.root);
  assert.equal(lockHolder(root), "nobody", "there is no lock file");
  const fd = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR | O_CREAT, 0o600);
  assert.equal(lockHolder(root), "nobody");
  libc.flock(fd, LOCK_EX);
  assert.equal(lockHolder(root), "sluice");
  libc.close(fd);
  assert.equal(lockHolder(root), "nobody");
  closeRoot(root);
});
