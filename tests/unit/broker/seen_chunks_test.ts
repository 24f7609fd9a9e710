/** What is known of the page cache: how long, of what, and when it is forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_FDCWD, O_CREAT, O_RDWR, POSIX_FADV_DONTNEED } from "../../../ffi/constants.ts";
import { type FileSlice, SharedFile } from "../../../src/base/file_slice.ts";
import { SeenChunks } from "../../../src/broker/seen_chunks.ts";
import { COLD_SEEN_CHUNK, COLD_SEEN_CHUNKS_MAX, COLD_SEEN_MS } from "../../../src/limits.ts";
import { Residency } from "../../../src/log/residency.ts";
import { SimLibc } from "../../sim/sim_libc.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

const CHUNK = COLD_SEEN_CHUNK;
const SIZE: number = 4 * CHUNK + 5000;
const NOW = 100000;

test("what was seen is not looked at again, in whatever slices it is asked for", () => {
  const { faulty, seen, slice } = made();
  assert.ok(seen.holds(slice(1000, CHUNK), SIZE, NOW));
  assert.equal(faulty.count("cachestat"), 1);
  for (const [position, size] of [[1000, CHUNK], [0, 2 * CHUNK], [CHUNK, 1], [2 * CHUNK - 1, 1]]) {
    assert.ok(seen.holds(slice(position!, size!), SIZE, NOW));
  }
  assert.equal(faulty.count("cachestat"), 1);
  assert.ok(seen.holds(slice(CHUNK, CHUNK + 1), SIZE, NOW));
  assert.equal(faulty.count("cachestat"), 2, "the chunk behind is another one");
});

test("a chunk is believed for less than COLD_SEEN_MS, whoever asks meanwhile", () => {
  const { evict, seen, slice } = made();
  assert.ok(seen.holds(slice(0, CHUNK), SIZE, NOW));
  evict(0, CHUNK - 4096);
  assert.ok(seen.holds(slice(0, CHUNK), SIZE, NOW + COLD_SEEN_MS / 2));
  assert.ok(seen.holds(slice(0, CHUNK), SIZE, NOW + COLD_SEEN_MS - 1), "that is what is risked");
  assert.equal(seen.holds(slice(0, CHUNK), SIZE, NOW + COLD_SEEN_MS), false);
});

test("the last byte of a slice is asked for, whatever is known", () => {
  const { evict, seen, slice } = made();
  assert.ok(seen.holds(slice(0, 2 * CHUNK), SIZE, NOW));
  evict(CHUNK - 4096, 4096);
  assert.equal(seen.holds(slice(1000, CHUNK - 1000), SIZE, NOW), false);
});

test("what is forgotten is looked at again, also what was seen in the same turn", () => {
  const { evict, seen, slice } = made();
  assert.ok(seen.holds(slice(0, CHUNK), SIZE, NOW));
  evict(0, CHUNK - 4096);
  seen.forget(NOW);
  assert.equal(seen.holds(slice(0, CHUNK), SIZE, NOW), false);
  assert.equal(seen.holds(slice(0, CHUNK), SIZE, NOW + 1), false);
});

test("a slice passes where only its neighbours are missing, but is not known by that", () => {
  const { evict, seen, slice } = made();
  evict(CHUNK - 4096, 4096);
  assert.ok(seen.holds(slice(0, CHUNK / 2), SIZE, NOW));
  evict(4096, 4096);
  assert.equal(seen.holds(slice(0, CHUNK / 2), SIZE, NOW), false);
});

test("the last chunk ends with the file", () => {
  const { faulty, seen, slice } = made();
  assert.ok(seen.holds(slice(4 * CHUNK + 1, 4999), SIZE, NOW));
  assert.equal(faulty.count("preadv2"), 2, "one small range");
  assert.ok(seen.holds(slice(4 * CHUNK, 5000), SIZE, NOW));
  assert.equal(faulty.count("preadv2"), 3, "its last byte");
  assert.equal(faulty.count("cachestat"), 0);
});

test("another file is not known, though it has the descriptor of one that was", () => {
  const { evict, file, seen, slice } = made();
  assert.ok(seen.holds(slice(0, CHUNK), SIZE, NOW));
  evict(0, CHUNK - 4096);
  const other = new SharedFile(file.fd, () => {});
  assert.equal(seen.holds({ file: other, position: 0, size: CHUNK }, SIZE, NOW), false);
});

test("a chunk whose entry another one took is looked at again", () => {
  const { evict, seen, slice, sparse } = made();
  sparse(COLD_SEEN_CHUNKS_MAX * CHUNK);
  const end = (COLD_SEEN_CHUNKS_MAX + 1) * CHUNK;
  assert.ok(seen.holds(slice(0, CHUNK), end, NOW));
  assert.ok(seen.holds(slice(CHUNK, CHUNK), end, NOW));
  assert.ok(seen.holds(slice(COLD_SEEN_CHUNKS_MAX * CHUNK, CHUNK), end, NOW));
  evict(0, CHUNK - 4096);
  evict(CHUNK, CHUNK - 4096);
  assert.equal(seen.holds(slice(0, CHUNK), end, NOW), false);
  assert.ok(seen.holds(slice(CHUNK, CHUNK), end, NOW), "its neighbour's is its own still");
});

/** A synced file, all of it in the page cache, and what is known of it: nothing yet. */
function made() {
  const sim = new SimLibc({ seed: 5 });
  const faulty = new FaultyLibc(sim);
  const fd = sim.openat(AT_FDCWD, "/f", O_RDWR | O_CREAT, 0o600);
  const memory = sim.allocate(SIZE);
  (memory as unknown as { touch(end: number): void }).touch(SIZE);
  assert.equal(sim.pwrite(fd, memory, 0, SIZE, 0), SIZE);
  assert.equal(sim.fdatasync(fd), 0);
  const file = new SharedFile(fd, () => {});
  return {
    faulty,
    file,
    seen: new SeenChunks(new Residency(faulty.libc, "cachestat")),
    slice: (position: number, size: number): FileSlice => ({ file, position, size }),
    evict: (position: number, size: number) =>
      assert.equal(sim.fadvise(fd, position, size, POSIX_FADV_DONTNEED), 0),
    /** One more chunk, far behind. */
    sparse: (position: number) => {
      assert.equal(sim.pwrite(fd, memory, 0, CHUNK, position), CHUNK);
      assert.equal(sim.fdatasync(fd), 0);
    },
  };
}
