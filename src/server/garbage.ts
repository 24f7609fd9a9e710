/**
 * Garbage of a shard. Requests of the data path leave none; the others, a connection and a refusal
 * do, a few KiB each, and so does a segment that is let go. Bun does not see them: a thread that
 * never returns to its event loop has no timer that would collect, and the fast memory
 * (base/crc32c_simd.ts) counts for 128 MiB of heap, beside which a few MiB are nothing.
 *
 *     let go … let go -> so many pieces -> one collection of all that is dead, and counted anew
 *
 * For the same reason Bun looks at young objects alone when a collection is only asked for. What
 * lived through one, as segments and topics do, stayed: 4 KiB or more of each segment. So a whole
 * collection is waited for, and the loop with it: 10 to 22 ms with few partitions, up to 190 with
 * 16,000, seen on a busy machine. So more pieces may lie where many partitions live. Deno collects
 * by itself.
 */

/** Before it 20 MiB of garbage could lie there, at the most. */
const GARBAGE_PER_COLLECTION = 1000;
/** In a shard of very many partitions a collection has more to look at, and comes less often. */
const PARTITIONS_PER_PIECE = 4;

/** Who counts the pieces of garbage it makes. */
export interface Littering {
  garbage: number;
}

interface Runtime {
  readonly Bun?: { gc(force: boolean): void };
}

/** Given who makes garbage, and how many partitions live; counts from 0 after a collection. */
export function collectGarbage(door: Littering, store: Littering, partitions: number): void {
  const enough = Math.max(GARBAGE_PER_COLLECTION, partitions / PARTITIONS_PER_PIECE);
  if (door.garbage + store.garbage < enough) return;
  door.garbage = 0;
  store.garbage = 0;
  (globalThis as Runtime).Bun?.gc(true);
}
