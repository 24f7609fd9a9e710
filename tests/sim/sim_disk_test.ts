/**
 * The simulated disk against a plain model of what may survive, and the faults it makes: failed
 * syncs, a full disk, short writes, rot.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSPC, O_CREAT, O_RDWR, O_TRUNC, POSIX_FADV_DONTNEED } from "../../ffi/constants.ts";
import { forSeeds } from "../support/prng.ts";
import { DiskWorld } from "./disk_world.ts";
import { SimPrng } from "./prng.ts";

const SIZE_MAX = 6000;

/**
 * One file as it was after each change since the last sync, the synced state first. After a power
 * cut every byte is one of these states', and so is the size, within their bounds.
 */
class Model {
  states: Uint8Array[] = [new Uint8Array(0)];

  get current(): Uint8Array {
    return this.states[this.states.length - 1]!;
  }

  write(letter: number, position: number, size: number): void {
    const next = resized(this.current, Math.max(this.current.length, position + size));
    next.fill(letter, position, position + size);
    this.states.push(next);
  }

  truncate(size: number): void {
    this.states.push(resized(this.current, size));
  }

  synced(): void {
    this.states = [this.current];
  }

  /** After a power cut: `found` is what is there, and durable. */
  survived(found: Uint8Array): void {
    const sizes = this.states.map((state) => state.length);
    assert.ok(found.length >= Math.min(...sizes), "not shorter than any state");
    assert.ok(found.length <= Math.max(...sizes), "not longer than any state");
    for (let i = 0; i < found.length; i += 1) this.#check(found[i]!, i);
    this.states = [found.slice()];
  }

  /** What a read may see once failed writes are dropped. */
  reread(found: Uint8Array): void {
    assert.equal(found.length, this.current.length);
    for (let i = 0; i < found.length; i += 1) this.#check(found[i]!, i);
    this.states.push(found.slice());
  }

  #check(byte: number, at: number): void {
    const isKnown = this.states.some((state) => (state[at] ?? 0) === byte);
    if (!isKnown) assert.fail("byte " + String(at) + " was never " + String(byte));
  }
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const next = new Uint8Array(size);
  next.set(bytes.subarray(0, size));
  return next;
}

function step(world: DiskWorld, model: Model, fd: number, prng: SimPrng, letter: number): void {
  const { libc } = world;
  switch (prng.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const size = prng.pick([100, 512, 512, 1 + prng.below(1500)]);
      const position = prng.chance(70)
        ? Math.min(model.current.length, SIZE_MAX - size)
        : prng.below(SIZE_MAX - size);
      world.fill(fd, String.fromCharCode(letter), size, position);
      return model.write(letter, position, size);
    }
    case 4: {
      const size = prng.below(model.current.length + 600);
      world.ok(libc.ftruncate(fd, size));
      return model.truncate(size);
    }
    case 5:
    case 6:
      return libc.disk.background(prng.pick([10, 50, 100]));
    case 7:
      return libc.disk.pressMemory(3);
    case 8:
      libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      return;
    default:
      world.ok(libc.fdatasync(fd));
      return model.synced();
  }
}

test("what survives was there once, what was synced survives, and reads see every write", () => {
  forSeeds(300, (_, seed) => {
    const world = new DiskWorld({ seed });
    const prng = new SimPrng(seed).fork("workload");
    const model = new Model();
    for (let cycle = 0; cycle < 6; cycle += 1) {
      const fd = world.open("f");
      world.ok(world.libc.fsync(world.data));
      for (let i = prng.below(25); i > 0; i -= 1) {
        step(world, model, fd, prng, 33 + prng.below(90));
        assert.deepEqual(world.bytes("f"), model.current);
      }
      const isKill = prng.chance(30);
      world.crash(isKill ? "kill" : "power");
      if (isKill) assert.deepEqual(world.bytes("f"), model.current);
      else model.survived(world.bytes("f"));
    }
  });
});

test("after a failed sync the cache lies, the next sync is 0, and the bytes may be gone", () => {
  let lost = 0;
  let kept = 0;
  forSeeds(200, (_, seed) => {
    const world = new DiskWorld({ seed });
    const fd = world.open("f");
    world.ok(world.libc.fsync(world.data));
    world.fill(fd, "A", 3000, 0);
    world.ok(world.libc.fdatasync(fd));
    world.fill(fd, "B", 2000, 500);
    world.libc.disk.failNextSyncs();
    assert.equal(world.libc.fdatasync(fd), -EIO);
    assert.equal(world.spell("f"), "A*500 B*2000 A*500");
    assert.equal(world.libc.fdatasync(fd), 0);
    assert.equal(world.spell("f"), "A*500 B*2000 A*500");
    if (seed % 2 === 0) world.libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    else world.crash("power");
    const left = world.spell("f");
    if (left === "A*500 B*2000 A*500") kept += 1;
    else lost += 1;
    assert.match(left, /^A\*\d+( [AB]\*\d+)*$/);
    assert.equal(world.bytes("f").length, 3000);
  });
  assert.ok(lost > 100, "a failed sync mostly loses something");
  assert.ok(kept > 0, "and sometimes nothing");
});

test("under failing syncs and writebacks no byte is seen that was never written", () => {
  forSeeds(200, (_, seed) => {
    const faults = { syncFailure: 300, writebackFailure: 200, dropPercent: 50 };
    const world = new DiskWorld({ seed, diskOptions: { metadata: "journal" } });
    Object.assign(world.libc.disk.faults, faults);
    const prng = new SimPrng(seed).fork("workload");
    const model = new Model();
    const fd = world.open("f");
    while (world.libc.fsync(world.data) < 0) continue;
    for (let i = 0; i < 30; i += 1) {
      const size = 1 + prng.below(900);
      world.fill(fd, String.fromCharCode(33 + i), size, prng.below(3000));
      model.write(33 + i, 0, 0);
      model.states[model.states.length - 1] = world.bytes("f").slice();
      if (prng.chance(40)) world.libc.fdatasync(fd);
      if (prng.chance(20)) world.libc.disk.background(50);
      if (prng.chance(20)) {
        world.libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        model.reread(world.bytes("f"));
      }
    }
    world.crash("power");
    model.survived(world.bytes("f"));
  });
});

test("bytes that were cut off do not come back with a page that is dropped", () => {
  const world = new DiskWorld({ seed: 2 });
  const { libc } = world;
  const fd = world.open("f");
  world.fill(fd, "A", 900, 0);
  world.ok(libc.fsync(fd));
  world.fill(fd, "B", 900, 0);
  libc.disk.faults.dropPercent = 100;
  libc.disk.failNextSyncs();
  assert.equal(libc.fsync(fd), -EIO);
  world.ok(libc.ftruncate(fd, 100));
  world.ok(libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
  world.ok(libc.ftruncate(fd, 900));
  assert.equal(world.spell("f"), "A*100 0*800");
});

test("an error is reported once per descriptor that was open, and to the first one after", () => {
  const world = new DiskWorld({ seed: 1 });
  const { libc } = world;
  const first = world.open("f");
  const second = world.open("f");
  world.fill(first, "A", 100, 0);
  libc.disk.failNextSyncs();
  const all = world.ok(libc.openat(world.data, ".", 0, 0));
  assert.equal(libc.fdatasync(first), -EIO);
  assert.equal(libc.fdatasync(first), 0);
  assert.equal(libc.fdatasync(second), -EIO);
  assert.equal(libc.fdatasync(second), 0);
  assert.equal(libc.fdatasync(world.open("f")), 0);
  assert.equal(libc.syncfs(all), -EIO);
  assert.equal(libc.syncfs(all), 0);
});

test("writeback that failed is told by the file's sync and by a syncfs, once each", () => {
  const world = new DiskWorld({ seed: 3 });
  const { libc } = world;
  const fd = world.open("f");
  const all = world.ok(libc.openat(world.data, ".", 0, 0));
  world.fill(fd, "A", 600, 0);
  libc.disk.faults.writebackFailure = 1000;
  libc.disk.background(100);
  assert.equal(libc.syncfs(all), -EIO);
  assert.equal(libc.syncfs(all), 0);
  assert.equal(libc.fdatasync(fd), -EIO);
  assert.equal(libc.fdatasync(fd), 0);
});

test("a directory whose sync failed is not durable, and the next sync makes it so", () => {
  const world = new DiskWorld({ seed: 4 });
  world.open("f");
  world.libc.disk.failNextSyncs();
  assert.equal(world.libc.fsync(world.data), -EIO);
  assert.equal(world.libc.fsync(world.data), 0);
  world.crash("power");
  assert.deepEqual(world.names(), ["f"]);
});

test("a full disk takes a part, then nothing, and room that is given back counts", () => {
  const world = new DiskWorld({ seed: 1, diskOptions: { capacity: 8192 } });
  const { libc } = world;
  const fd = world.open("f");
  const memory = libc.allocate(6000);
  assert.equal(libc.pwrite(fd, memory, 0, 6000, 0), 6000);
  assert.equal(libc.pwrite(fd, memory, 0, 6000, 6000), 2192);
  assert.equal(libc.pwrite(fd, memory, 0, 6000, 8192), -ENOSPC);
  assert.equal(libc.pwrite(fd, memory, 0, 6000, 0), 6000);
  assert.equal(libc.fallocate(world.open("g"), 1, 0, 4096), -ENOSPC);
  world.ok(libc.ftruncate(fd, 4096));
  const status = libc.fileSystemStatus();
  world.ok(libc.fstatfs(fd, status));
  assert.equal(status.availableBytes, 4096);
  world.ok(libc.unlinkat(world.data, "f", 0));
  world.ok(libc.close(fd));
  assert.equal(libc.disk.usedBytes, 0);
});

test("O_TRUNC reverts as ftruncate does, and a kill reverts nothing", () => {
  const seen = new Set<string>();
  forSeeds(60, (_, seed) => {
    const world = new DiskWorld({ seed });
    const fd = world.open("f");
    world.fill(fd, "A", 1000, 0);
    world.ok(world.libc.fsync(fd));
    world.ok(world.libc.fsync(world.data));
    world.open("f", O_RDWR | O_CREAT | O_TRUNC);
    world.crash("kill");
    assert.equal(world.spell("f"), "empty");
    world.crash("power");
    seen.add(world.spell("f"));
  });
  assert.deepEqual([...seen].sort(), ["A*1000", "empty"]);
});

test("rot flips one durable bit, and only where it is asked for", () => {
  forSeeds(50, (_, seed) => {
    const world = new DiskWorld({ seed });
    const fd = world.open("f");
    world.fill(fd, "A", 1000, 0);
    world.ok(world.libc.fsync(fd));
    world.ok(world.libc.fsync(world.data));
    assert.ok(world.libc.disk.rot());
    assert.equal(world.spell("f"), "A*1000", "the cache does not know yet");
    world.crash("power");
    const bytes = world.bytes("f");
    const changed = bytes.filter((byte) => byte !== 65);
    assert.equal(changed.length, 1);
    assert.equal([1, 2, 4, 8, 16, 32, 64, 128].includes(changed[0]! ^ 65), true);
  });
});
