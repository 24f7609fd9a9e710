/**
 * The last batch boundaries at which the visible end stood: offset, segment and position. A
 * consumer at the tail asks for exactly such an offset next, and its read then needs neither
 * index nor disk. Hot.
 *
 * Invariant: an entry stays true, because visible bytes never change. A segment that is deleted
 * takes its entries along (`forget`).
 */

import type { LogPoint, Segment } from "./segment.ts";

const CAPACITY = 64;

export class Boundaries {
  readonly #offsets: Float64Array = new Float64Array(CAPACITY).fill(-1);
  readonly #positions: Float64Array = new Float64Array(CAPACITY);
  readonly #segments: (Segment | null)[] = new Array(CAPACITY).fill(null);
  #next = 0;

  add(point: LogPoint): void {
    const at = this.#next;
    this.#offsets[at] = point.offset;
    this.#positions[at] = point.position;
    this.#segments[at] = point.segment;
    this.#next = (at + 1) % CAPACITY;
  }

  /** Finds `offset`, newest first, and writes it to `into`; false when it is not known. */
  find(offset: number, into: LogPoint): boolean {
    for (let back = 1; back <= CAPACITY; back += 1) {
      const at = (this.#next - back + CAPACITY) % CAPACITY;
      if (this.#offsets[at] !== offset) continue;
      into.set(this.#segments[at]!, offset, this.#positions[at]!);
      return true;
    }
    return false;
  }

  forget(segment: Segment): void {
    for (let at = 0; at < CAPACITY; at += 1) {
      if (this.#segments[at] !== segment) continue;
      this.#segments[at] = null;
      this.#offsets[at] = -1;
    }
  }
}
