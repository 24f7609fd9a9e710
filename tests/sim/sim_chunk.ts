/**
 * Chunk: 64 KiB of a file, twice: what a read sees and what is on the medium, with a byte of state
 * per page. Both arrays grow with what is written, so that a small file costs little.
 *
 *     current   | written … | written, not synced … |
 *     durable   | written … | old bytes or nothing  |       bytes past the end read as zeros
 *     state     |   clean   |         dirty         |
 *
 * Invariant: a page that is neither dirty nor stale has the same bytes in both, up to a cut of the
 * file that is not committed yet (sim_file.ts).
 */

export const CHUNK_SIZE = 65536;

/** The page was written and not written back. */
export const DIRTY = 1;
/** Its writeback failed: it counts as clean, and the medium holds other bytes. */
export const STALE = 2;
/** Dropped from the page cache: the next read comes from the medium. */
export const ABSENT = 4;
/** It has room on the medium. */
export const ALLOCATED = 8;

const NOTHING = new Uint8Array(0);

export class Chunk {
  /** Position in the file. */
  readonly start: number;
  readonly pageSize: number;
  readonly state: Uint8Array;
  current: Uint8Array = NOTHING;
  durable: Uint8Array = NOTHING;
  /** Dirty pages lie in [dirtyLow, dirtyHigh]. */
  dirtyLow: number = CHUNK_SIZE;
  dirtyHigh = -1;
  hasStale = false;
  hasAbsent = false;

  constructor(start: number, pageSize: number) {
    this.start = start;
    this.pageSize = pageSize;
    this.state = new Uint8Array(CHUNK_SIZE / pageSize);
  }

  growCurrent(end: number): void {
    if (end > this.current.length) this.current = grown(this.current, end, this.pageSize);
  }

  growDurable(end: number): void {
    if (end > this.durable.length) this.durable = grown(this.durable, end, this.pageSize);
  }

  /** Marks the pages of [start, end) written. Returns how many had no room before. */
  markWritten(start: number, end: number): number {
    const first = Math.floor(start / this.pageSize);
    const last = Math.floor((end - 1) / this.pageSize);
    const state = this.state;
    let added = 0;
    for (let page = first; page <= last; page += 1) {
      if ((state[page]! & ALLOCATED) === 0) added += 1;
      state[page] = DIRTY | ALLOCATED;
    }
    if (first < this.dirtyLow) this.dirtyLow = first;
    if (last > this.dirtyHigh) this.dirtyHigh = last;
    return added;
  }

  forgetDirty(): void {
    this.dirtyLow = CHUNK_SIZE;
    this.dirtyHigh = -1;
  }

  /** Current bytes of [start, end) become durable. */
  persist(start: number, end: number): void {
    const stop = Math.min(end, this.current.length);
    if (stop <= start) return;
    this.growDurable(stop);
    this.durable.set(this.current.subarray(start, stop), start);
  }

  /** Every dirty page becomes durable, neighbours in one copy. */
  persistDirty(): void {
    const { state, pageSize } = this;
    let from = -1;
    for (let page = this.dirtyLow; page <= this.dirtyHigh + 1; page += 1) {
      const dirty = page <= this.dirtyHigh && (state[page]! & DIRTY) !== 0;
      if (dirty) {
        state[page]! &= ~DIRTY;
        if (from < 0) from = page;
      } else if (from >= 0) {
        this.persist(from * pageSize, page * pageSize);
        from = -1;
      }
    }
    this.forgetDirty();
  }

  /** Reads of [start, end) see the durable bytes again, as far as `limit`; zeros from there on. */
  revert(start: number, end: number, limit: number): void {
    const stop = Math.min(end, limit, this.durable.length);
    if (stop > start) {
      this.growCurrent(stop);
      this.current.set(this.durable.subarray(start, stop), start);
    }
    const zeroFrom = Math.max(start, stop);
    if (zeroFrom < this.current.length) this.current.fill(0, zeroFrom, end);
  }
}

function grown(bytes: Uint8Array, end: number, pageSize: number): Uint8Array {
  let size = Math.max(bytes.length * 2, 1024, pageSize);
  while (size < end) size *= 2;
  const larger = new Uint8Array(size);
  larger.set(bytes);
  return larger;
}
