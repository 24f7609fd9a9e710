/** Removing a segment: its names first, its blocks in slices; what is read stays whole. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../../ffi/constants.ts";
import { DirectFileJobs, unlinkSegmentFiles } from "../../../src/log/file_jobs.ts";
import { fileSize } from "../../../src/log/files.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const NAME = "00000000000000000042";

/** A directory with a segment of 1,000 bytes at 42, and another one. */
class World {
  readonly path: string = temporaryDirectory("jobs");
  readonly faulty: FaultyLibc = new FaultyLibc(libc);

  constructor() {
    for (const name of [`${NAME}.log`, `${NAME}.index`, `${NAME}.timeindex`, "other.log"]) {
      writeFileSync(join(this.path, name), new Uint8Array(1000));
    }
  }

  open(path: string, flags: number): number {
    const fd = libc.openat(AT_FDCWD, path, flags, 0);
    assert.ok(fd >= 0, path);
    return fd;
  }

  get directory(): number {
    return this.open(this.path, O_RDONLY | O_DIRECTORY);
  }

  get log(): number {
    return this.open(join(this.path, `${NAME}.log`), O_RDONLY);
  }

  get calls(): string[] {
    return this.faulty.calls.slice();
  }
}

test("a large segment loses its names, then its blocks from the end, slice by slice", () => {
  const world = new World();
  const cut: number[] = [];
  world.faulty.plan = (call, args) => {
    if (call === "ftruncate") cut.push(args[1] as number);
    return undefined;
  };
  assert.ok(new DirectFileJobs(world.faulty.libc, 300).unlink(world.directory, 42, 1000, -1));
  assert.deepEqual(readdirSync(world.path), ["other.log"]);
  assert.deepEqual(cut, [700, 400, 100, 0]);
  assert.deepEqual(world.calls.slice(0, 4), ["openat", "unlinkat", "unlinkat", "unlinkat"]);
  assert.equal(world.faulty.count("close"), 2, "the file and the directory");
});

test("a small one is removed, and one that is read is never cut", () => {
  for (const [cutBytes, isRead] of [[1000, false], [300, true]] as const) {
    const world = new World();
    const reader = isRead ? world.log : -1;
    const jobs = new DirectFileJobs(world.faulty.libc, cutBytes);
    assert.ok(jobs.unlink(world.directory, 42, 1000, reader));
    assert.deepEqual(readdirSync(world.path), ["other.log"]);
    assert.equal(world.faulty.count("ftruncate"), 0);
    if (!isRead) continue;
    assert.equal(fileSize(libc, reader), 1000);
    libc.close(reader);
  }
});

test("what holds the blocks can cut them; a segment that is gone holds nothing", () => {
  const world = new World();
  const fd = unlinkSegmentFiles(world.faulty.libc, world.directory, 42, true);
  assert.equal(fileSize(libc, fd), 1000);
  assert.equal(libc.ftruncate(fd, 0), 0);
  libc.close(fd);
  assert.equal(unlinkSegmentFiles(world.faulty.libc, world.directory, 42, true), 0);
  assert.deepEqual(readdirSync(world.path), ["other.log"]);
});
