/** The reserve, in a directory whose file system says what the test wants. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EIO, ENOSPC, O_DIRECTORY, O_RDONLY } from "../../../ffi/constants.ts";
import type { FileSystemStatus } from "../../../ffi/libc.ts";
import { MiB } from "../../../src/base/units.ts";
import { replaceFile, type StorageError } from "../../../src/log/files.ts";
import { Reserve } from "../../../src/log/reserve.ts";
import { lowBytes, reserveBytes } from "../../../src/log/watermarks.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const TOTAL = 64 * MiB;
const SIZE = reserveBytes(TOTAL);

class World {
  readonly root: string = temporaryDirectory("reserve");
  readonly fd: number = libc.openat(AT_FDCWD, this.root, O_RDONLY | O_DIRECTORY, 0);
  readonly faulty: FaultyLibc = new FaultyLibc(libc);
  readonly reserve: Reserve = new Reserve(this.faulty.libc, this.fd);
  free = TOTAL;
  /** Calls that find no room, by name; only while the reserve is there, when `helps`. */
  full: string = "";
  helps = true;

  constructor() {
    this.faulty.plan = (call, args) => {
      if (call === "fstatfs") {
        Object.assign(args[1] as FileSystemStatus, {
          totalBytes: TOTAL,
          availableBytes: this.free,
        });
        return 0;
      }
      return call === this.full && (this.isThere || !this.helps) ? -ENOSPC : undefined;
    };
  }

  get path(): string {
    return join(this.root, "reserve");
  }

  get isThere(): boolean {
    return existsSync(this.path);
  }

  end(): void {
    libc.close(this.fd);
  }
}

test("it is made where there is plenty, once, and takes up what it should", () => {
  const world = new World();
  assert.equal(world.reserve.make(), true);
  assert.equal(readFileSync(world.path).length, SIZE);
  const writes = world.faulty.count("pwrite");
  assert.equal(world.reserve.make(), true);
  assert.equal(world.faulty.count("pwrite"), writes, "it is there");
  writeFileSync(world.path, "cut short by a power cut");
  assert.equal(world.reserve.make(), true);
  assert.equal(readFileSync(world.path).length, SIZE);
  world.end();
});

test("it is not what stops the producers, and a part of it is none", () => {
  const world = new World();
  world.free = lowBytes(TOTAL) + SIZE - 1;
  assert.equal(world.reserve.make(), false);
  assert.equal(world.isThere, false);
  world.free += 1;
  world.faulty.failNth("pwrite", 3, -ENOSPC);
  assert.equal(world.reserve.make(), false);
  assert.equal(world.isThere, false);
  world.end();
});

for (const call of ["openat", "pwrite", "fsync"] as const) {
  test(`a small file that finds no room (${call}) is written into it`, () => {
    const world = new World();
    world.reserve.make();
    world.full = call;
    const content = new TextEncoder().encode("what makes room");
    replaceFile(world.faulty.libc, world.fd, "catalogue", content, world.reserve);
    assert.equal(readFileSync(join(world.root, "catalogue"), "utf8"), "what makes room");
    assert.equal(world.isThere, false, "it was given up");
    world.end();
  });
}

test("without it, and for what it cannot mend, the error stays", () => {
  const world = new World();
  world.full = "pwrite";
  world.helps = false;
  const replace = () => {
    replaceFile(world.faulty.libc, world.fd, "catalogue", new Uint8Array(9), world.reserve);
  };
  assert.throws(replace, (error: StorageError) => error.errno === ENOSPC);
  assert.equal(existsSync(join(world.root, "catalogue.tmp")), false, "no part of it is left");
  world.full = "";
  assert.equal(world.reserve.make(), true);
  assert.equal(world.reserve.giveUp(EIO), false);
  assert.equal(world.isThere, true);
  world.end();
});
