/** What guarded reads find missing, and that it is held until it is let go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GuardedReads } from "../../../src/log/guarded_reads.ts";
import { NOT_RESIDENT, Residency } from "../../../src/log/residency.ts";
import { Walk } from "../../../src/log/walk.ts";
import { COLD_HEADERS_MIN, COLD_PIECE } from "../../../src/limits.ts";
import { BATCH, ColdWorld } from "../../support/cold_world.ts";
import { DIRECTORY } from "../../support/log_world.ts";

/** A sealed segment of `count` batches of 64 KiB, closed and on the disk alone. */
function sealed(count: number): { world: ColdWorld; reads: GuardedReads } {
  const world = new ColdWorld();
  world.fill(count, BATCH);
  assert.equal(world.partition.log.roll(), 0);
  world.fill(1, BATCH);
  world.reopen();
  world.evict([".log", ".index", ".timeindex"]);
  world.loopReads.length = 0;
  const reads = new GuardedReads(new Walk(world.log.store));
  reads.guard(new Residency(world.libc, "cachestat"));
  return { world, reads };
}

/** Reads what is missing, as the worker does. */
function fetchMissing(world: ColdWorld, reads: GuardedReads): number {
  const { file, position, size } = reads.missing;
  const memory = world.sim.allocate(size);
  assert.equal(world.sim.pread(file!.fd, memory, 0, size, position), size);
  reads.forgetMissing();
  return size;
}

test("a cold segment is opened when both of its index files have been read", () => {
  const { world, reads } = sealed(40);
  const [segment] = world.partition.log.segments;
  for (let file = 0; file < 2; file += 1) {
    assert.equal(reads.open(DIRECTORY, segment!), NOT_RESIDENT);
    assert.deepEqual([reads.isAside, reads.segment, segment!.index], [true, segment, null]);
    fetchMissing(world, reads);
  }
  assert.equal(reads.open(DIRECTORY, segment!), 0);
  assert.equal(segment!.index!.count, 39);
  assert.equal(reads.open(DIRECTORY, segment!), 0, "at once");
  assert.deepEqual(world.loopReads, []);
  world.close();
});

test("a range that is cold is missing, with a reference to its file", () => {
  const { world, reads } = sealed(40);
  const [segment] = world.partition.log.segments;
  while (reads.open(DIRECTORY, segment!) !== 0) fetchMissing(world, reads);
  const file = segment!.file!;
  assert.equal(reads.holds(segment!, BATCH, 3 * BATCH), NOT_RESIDENT);
  assert.deepEqual([reads.isAside, file.references], [false, 2]);
  assert.equal(fetchMissing(world, reads), 3 * BATCH);
  assert.equal(file.references, 1);
  assert.equal(reads.holds(segment!, BATCH, 3 * BATCH), 0);
  reads.guard(null);
  assert.equal(reads.holds(segment!, 0, BATCH), 0, "who is not guarded may wait");
  world.close();
});

test("a walk that goes on has more and more read with a header, one that jumps little", () => {
  const { world, reads } = sealed(200);
  const [segment] = world.partition.log.segments;
  while (reads.open(DIRECTORY, segment!) !== 0) fetchMissing(world, reads);
  const sizes: number[] = [];
  for (let at = 0; at < 200; at += 1) {
    if (reads.walk.begin(segment!, at * BATCH) === 0) continue;
    reads.missHeader();
    sizes.push(fetchMissing(world, reads));
    at -= 1;
  }
  assert.deepEqual(sizes.slice(-4, -1), [COLD_PIECE, COLD_PIECE, COLD_PIECE]);
  assert.ok(sizes.length < 30, `${sizes}`);
  assert.deepEqual(world.loopReads, []);
  world.evict([".log"], 10 * BATCH, BATCH);
  assert.equal(reads.walk.begin(segment!, 10 * BATCH), NOT_RESIDENT);
  reads.missHeader();
  assert.equal(fetchMissing(world, reads), COLD_HEADERS_MIN);
  world.close();
});
