/**
 * Garbage of a shard. Requests of the data path leave none; the others, a connection and a refusal
 * do, a few KiB each, and Bun does not see them: a thread that never returns to its event loop has
 * no timer that would collect, and the strings and small arrays that were given up do not count
 * for it. Without this the memory of a broker grew by 17 KiB a request for `stats`, up to 150 to
 * 300 MiB.
 *
 * A collection is asked for, not waited for: the heap of a shard is small, and it is marked beside
 * the loop. Deno collects by itself.
 */

/** Before it 20 MiB of garbage could lie there, at the most. */
const GARBAGE_PER_COLLECTION = 1000;

interface Runtime {
  readonly Bun?: { gc(force: boolean): void };
}

/** Given how many pieces there are since the last collection; returns how many are left. */
export function collectGarbage(pieces: number): number {
  if (pieces < GARBAGE_PER_COLLECTION) return pieces;
  (globalThis as Runtime).Bun?.gc(false);
  return 0;
}
