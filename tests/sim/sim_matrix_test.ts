/**
 * The measured matrix of power cuts (ext4 and XFS), row by row: the simulator gives every outcome
 * that was seen, for some seed, and never one that no file system may give.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { O_CREAT, O_EXCL, O_RDWR } from "../../ffi/constants.ts";
import { DiskWorld } from "./disk_world.ts";
import type { MetadataOrder } from "./sim_tree.ts";

const SEEDS = 600;
const ORDERS: readonly MetadataOrder[] = ["unordered", "ordered", "journal"];

/** Runs `before`, a power cut, and `after`, for every order and many seeds. */
function outcomes(
  before: (world: DiskWorld) => void,
  after: (world: DiskWorld) => string,
  orders: readonly MetadataOrder[] = ORDERS,
): Set<string> {
  const seen = new Set<string>();
  for (const metadata of orders) {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const world = new DiskWorld({ seed, diskOptions: { metadata } });
      before(world);
      world.crash("power");
      seen.add(after(world));
    }
  }
  return seen;
}

function assertSeen(seen: ReadonlySet<string>, expected: readonly string[]): void {
  const missing = expected.filter((outcome) => !seen.has(outcome));
  assert.deepEqual(missing, [], "outcomes that no seed gave, of " + String(seen.size));
}

function assertOnly(seen: ReadonlySet<string>, allowed: RegExp): void {
  assert.deepEqual([...seen].filter((outcome) => !allowed.test(outcome)), []);
}

function createSynced(world: DiskWorld, name: string): number {
  const fd = world.open(name);
  world.ok(world.libc.fsync(world.data));
  return fd;
}

test("10,000 A synced, 10,000 B not: A stays, then B, zeros or nothing", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 10_000, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 10_000, 10_000);
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*10000", "A*10000 0*2288", "A*10000 B*10000"]);
  assertOnly(seen, /^A\*10000( [B0]\*\d+)*$/);
});

test("the same after background writeback: still nothing of B is promised", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 10_000, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 10_000, 10_000);
    world.libc.disk.background(100);
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*10000", "A*10000 B*2288", "A*10000 B*10000"]);
  assertOnly(seen, /^A\*10000( [B0]\*\d+)*$/);
});

test("a sync of another file brings nothing, and harms nothing", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 10_000, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 10_000, 10_000);
    const other = world.open("other");
    world.fill(other, "C", 100, 0);
    world.ok(world.libc.fsync(other));
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*10000", "A*10000 0*2288"]);
  assertOnly(seen, /^A\*10000( [B0]\*\d+)*$/);
});

test("create, write, fdatasync, no sync of the directory: there, or not there at all", () => {
  const make = (world: DiskWorld): void => {
    const fd = world.open("f");
    world.fill(fd, "A", 700, 0);
    world.ok(world.libc.fdatasync(fd));
  };
  const spell = (world: DiskWorld): string => world.spell("f");
  const strict = outcomes(make, spell, ["unordered", "ordered"]);
  assert.deepEqual([...strict].sort(), ["A*700", "none"]);
  // As ext4 and XFS were measured.
  assert.deepEqual([...outcomes(make, spell, ["journal"])], ["A*700"]);
});

test("create, write, no sync: no file, an empty file, or any of it", () => {
  const seen = outcomes((world) => world.fill(world.open("f"), "A", 700, 0), (world) => {
    return world.spell("f");
  });
  assertSeen(seen, ["none", "empty", "A*700", "0*700", "A*512 0*188"]);
  assertOnly(seen, /^(none|empty|([A0]\*\d+ ?)+)$/);
});

function replace(world: DiskWorld, sync: "none" | "file" | "directory"): void {
  const old = createSynced(world, "f");
  world.fill(old, "A", 600, 0);
  world.ok(world.libc.fsync(old));
  const fd = world.open("f.tmp", O_RDWR | O_CREAT | O_EXCL);
  world.fill(fd, "B", 600, 0);
  if (sync !== "none") world.ok(world.libc.fsync(fd));
  world.ok(world.libc.renameat(world.data, "f.tmp", world.data, "f"));
  if (sync === "directory") world.ok(world.libc.fsync(world.data));
}

function spellReplaced(world: DiskWorld): string {
  return world.spell("f") + ", tmp " + world.spell("f.tmp");
}

test("tmp, rename, no sync: old, new, or a new name without its bytes", () => {
  const seen = outcomes((world) => replace(world, "none"), spellReplaced);
  assertSeen(seen, ["A*600, tmp none", "B*600, tmp none", "empty, tmp none", "A*600, tmp B*600"]);
  assertOnly(seen, /^(A\*600, tmp .*|(empty|([B0]\*\d+ ?)+), tmp none)$/);
});

test("tmp, fsync, rename, no sync of the directory: old with or without tmp, or new", () => {
  const seen = outcomes((world) => replace(world, "file"), spellReplaced);
  assert.deepEqual(
    [...seen].sort(),
    ["A*600, tmp B*600", "A*600, tmp none", "B*600, tmp none"],
  );
});

test("tmp, fsync, rename, sync of the directory: new, always", () => {
  const seen = outcomes((world) => replace(world, "directory"), spellReplaced);
  assert.deepEqual([...seen], ["B*600, tmp none"]);
});

test("fallocate 64 KiB, A synced, B not: the whole size, zeros where B was lost", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.ok(world.libc.fallocate(fd, 0, 0, 65_536));
    world.fill(fd, "A", 8192, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 1024, 8192);
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*8192 0*57344", "A*8192 B*1024 0*56320", "A*8192 0*512 B*512 0*56320"]);
  assertOnly(seen, /^A\*8192( [B0]\*\d+)+$/);
});

test("fallocate, A synced, B and C not, C first on the disk: C stands behind a hole", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.ok(world.libc.fallocate(fd, 0, 0, 4096));
    world.fill(fd, "A", 1024, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 1024, 1024);
    world.fill(fd, "C", 1024, 2048);
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*1024 0*1024 C*1024 0*1024", "A*1024 B*1024 0*2048"]);
  assertOnly(seen, /^A\*1024( [BC0]\*\d+)+$/);
});

test("ftruncate without a sync: cut, or old length and bytes are back", () => {
  const cut = (synced: boolean) => (world: DiskWorld): void => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 5000, 0);
    world.ok(world.libc.fsync(fd));
    world.ok(world.libc.ftruncate(fd, 700));
    if (synced) world.ok(world.libc.fsync(fd));
  };
  const spell = (world: DiskWorld): string => world.spell("f");
  assert.deepEqual([...outcomes(cut(false), spell)].sort(), ["A*5000", "A*700"]);
  assert.deepEqual([...outcomes(cut(true), spell)], ["A*700"]);
});

test("cut without a sync, then written over: old bytes may stand behind the new ones", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 2048, 0);
    world.ok(world.libc.fsync(fd));
    world.ok(world.libc.ftruncate(fd, 512));
    world.fill(fd, "B", 512, 512);
  }, (world) => world.spell("f"));
  assertSeen(seen, ["A*512", "A*512 B*512", "A*512 B*512 A*1024", "A*2048"]);
  assertOnly(seen, /^(A\*\d+|A\*512( [B0A]\*\d+)+)$/);
});

test("ordered metadata keeps a prefix of what was created, unordered any part of it", () => {
  const make = (world: DiskWorld): void => {
    for (const name of ["a", "b", "c", "d"]) world.open(name);
  };
  const list = (world: DiskWorld): string => world.names().join("");
  const ordered = ["", "a", "ab", "abc", "abcd"];
  assert.deepEqual([...outcomes(make, list, ["ordered"])].sort(), ordered);
  assert.equal(outcomes(make, list, ["unordered"]).size, 16);
  const synced = (world: DiskWorld): void => {
    make(world);
    world.ok(world.libc.fsync(world.data));
  };
  assert.deepEqual([...outcomes(synced, list)], ["abcd"]);
});

test("an unlinked file is gone or back whole", () => {
  const seen = outcomes((world) => {
    const fd = createSynced(world, "f");
    world.fill(fd, "A", 900, 0);
    world.ok(world.libc.fsync(fd));
    world.ok(world.libc.unlinkat(world.data, "f", 0));
  }, (world) => world.spell("f"));
  assert.deepEqual([...seen].sort(), ["A*900", "none"]);
});
