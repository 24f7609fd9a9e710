/** Names of a data directory, and who holds its lock. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, LOCK_EX, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import {
  closeRoot,
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
  assert.equal(rootKind(root), "none", "they are called so and hold nothing");
  made.write("b-9/00000000000000000000.log", "");
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

test("a held lock is seen, and looking leaves it free", () => {
  const made = new TestDirectory();
  const root = openRoot(libc, made.root);
  assert.equal(lockHolder(root), null, "there is no lock file");
  const fd = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR | O_CREAT, 0o600);
  assert.equal(lockHolder(root), null);
  libc.flock(fd, LOCK_EX);
  assert.deepEqual(lockHolder(root), { kind: "sluice", pid: process.pid });
  libc.close(fd);
  assert.equal(lockHolder(root), null);
  closeRoot(root);
});
