/**
 * Garbage of a shard. Requests of the data path leave none; the others, a connection and a refusal
 * do, a few KiB each, and so does a segment that is let go. Bun does not see them: a thread that
 * never returns to its event loop has no timer that would collect, and the fast memory
 * (base/crc32c_simd.ts) counts for 128 MiB of heap, beside which a few MiB are nothing.
 *
 *     questions, refusals   -> so many    -> young objects are collected      0.1 to 0.4 ms
 *     what may have lived   -> so many, and some time has passed -> all       8 to 49 ms and more
 *
 * A collection of young objects goes on beside the loop, and takes all that requests have left. It
 * leaves what lived through one: connections, segments and topics do, 4 KiB or more each. Only a
 * collection of all takes them, and the loop waits for it: 190 ms with 16,000 partitions, seen on a
 * busy machine. So it comes seldom, and more pieces may lie where many partitions live; questions
 * and refusals, which end in the turn that they began in, must be very many for it. Deno collects
 * by itself.
 *
 * Invariant: pieces are followed by a collection of all, in the first turn in which there are
 * enough of them and the last one is long enough ago.
 */

/** Before it 20 MiB of garbage could lie there, at the most. */
const GARBAGE_PER_COLLECTION = 1000;
/** In a shard of very many partitions a collection has more to look at, and comes less often. */
const PARTITIONS_PER_PIECE = 4;
/** Of so many that ended in their turn young collections leave 2.5 KB: 5 bytes each, as seen. */
const FLEETING_PER_PIECE = 500;
/** Between two collections of all, so that they take at most some thousandths of the time. */
const WHOLE_EVERY_MS = 10_000;

/** Who counts the pieces of garbage it makes. */
export interface Littering {
  /** Those that may have lived through a collection of young objects. */
  garbage: number;
}

export interface FleetinglyLittering extends Littering {
  /** Those that were let go in the turn that made them. */
  fleeting: number;
}

interface Runtime {
  readonly Bun?: { gc(whole: boolean): void };
}

/** Young: asked for, and done beside the loop. Whole: done when the call returns. */
export type Collect = (whole: boolean) => void;

export class Collector {
  /** Collections that were asked for. */
  young = 0;
  whole = 0;
  readonly #collect: Collect;
  /** Of the last collection of all: what has been counted since, and young ones left. */
  #pieces = 0;
  #wholeAgainMs = 0;

  constructor(collect: Collect = collectOnBun) {
    this.#collect = collect;
  }

  /** Given who makes garbage, and how many partitions live; they count from 0 afterwards. */
  step(door: FleetinglyLittering, store: Littering, partitions: number, nowMs: number): void {
    const enough = Math.max(GARBAGE_PER_COLLECTION, partitions / PARTITIONS_PER_PIECE);
    const { fleeting } = door;
    const lasting = door.garbage + store.garbage;
    const pieces = this.#pieces + lasting + fleeting / FLEETING_PER_PIECE;
    const whole = pieces >= enough && nowMs >= this.#wholeAgainMs;
    if (!whole && lasting + fleeting < enough) return;
    door.garbage = 0;
    door.fleeting = 0;
    store.garbage = 0;
    this.#pieces = whole ? 0 : pieces;
    if (whole) this.#wholeAgainMs = nowMs + WHOLE_EVERY_MS;
    if (whole) this.whole += 1;
    else this.young += 1;
    this.#collect(whole);
  }
}

function collectOnBun(whole: boolean): void {
  (globalThis as Runtime).Bun?.gc(whole);
}
