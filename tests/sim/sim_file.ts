/**
 * SimFile: a regular file whose bytes and size become durable separately, page by page.
 *
 *     size         what a read sees            durableSize    what a power cut leaves
 *     cut          the smallest size a truncation went down to since the size was last committed
 *
 * A truncation touches only what reads see; the medium keeps the old bytes and the old size until
 * the cut is committed, by a sync or in the background. Data and size are committed apart: pages
 * that reached the medium beyond the durable size are lost with it, and a size that was committed
 * without its pages shows zeros.
 *
 * Invariant: current bytes at and beyond `size` are zero. After `syncAll` no page is dirty, no cut
 * is pending and the sizes are equal.
 */
import { ABSENT, ALLOCATED, Chunk, CHUNK_SIZE, DIRTY, STALE } from "./sim_chunk.ts";
import { SimNode } from "./sim_node.ts";
import type { SimPrng } from "./prng.ts";

/** How a power cut, or a failed sync, treats dirty pages: percent of them. */
export interface PageFate {
  /** On the medium, whole. */
  keep: number;
  /** On the medium up to a random byte. */
  tear: number;
}

/** Pages as cachestat counts them, whatever the simulator's own page size. */
const CACHE_PAGE = 4096;

export class SimFile extends SimNode {
  readonly pageSize: number;
  size = 0;
  durableSize = 0;
  /** Infinity: no truncation is pending. */
  cut: number = Infinity;
  /** Pages with room on the medium. */
  pages = 0;
  /** In the disk's list of files that a power cut changes. */
  touched = false;
  readonly #chunks: Chunk[] = [];

  constructor(inode: number, mode: number, pageSize: number) {
    super(inode, mode);
    this.pageSize = pageSize;
  }

  get hasUnsynced(): boolean {
    if (this.size !== this.durableSize || this.cut !== Infinity) return true;
    return this.#chunks.some((chunk) => chunk.dirtyHigh >= 0);
  }

  get hasStale(): boolean {
    return this.#chunks.some((chunk) => chunk.hasStale);
  }

  /** The chunks in the order in which they were made, for sim_file_fate.ts. */
  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /** How many of `size` bytes at `position` find room when `free` pages are left. */
  fits(position: number, size: number, free: number): number {
    let left = free;
    const end = position + size;
    let at = position;
    while (at < end) {
      const index = Math.floor(at / CHUNK_SIZE);
      const chunk = this.#find(index);
      const page = Math.floor((at - index * CHUNK_SIZE) / this.pageSize);
      if (chunk === null || (chunk.state[page]! & ALLOCATED) === 0) {
        if (left === 0) return at - position;
        left -= 1;
      }
      at = index * CHUNK_SIZE + (page + 1) * this.pageSize;
    }
    return size;
  }

  write(bytes: Uint8Array, start: number, size: number, position: number): void {
    let done = 0;
    while (done < size) {
      const chunk = this.#chunkAt(position + done);
      const offset = position + done - chunk.start;
      const part = Math.min(size - done, CHUNK_SIZE - offset);
      chunk.growCurrent(offset + part);
      copy(bytes, start + done, chunk.current, offset, part);
      this.pages += chunk.markWritten(offset, offset + part);
      done += part;
    }
    if (position + size > this.size) this.size = position + size;
  }

  /** Bytes read: fewer than `size` only at the end of the file. */
  read(into: Uint8Array, start: number, size: number, position: number): number {
    const count = Math.min(size, this.size - position);
    let done = 0;
    while (done < count) {
      const index = Math.floor((position + done) / CHUNK_SIZE);
      const chunk = this.#find(index);
      const offset = position + done - index * CHUNK_SIZE;
      const part = Math.min(count - done, CHUNK_SIZE - offset);
      const at = start + done;
      const here = chunk === null ? 0 : Math.min(part, chunk.current.length - offset);
      if (here > 0) copy(chunk!.current, offset, into, at, here);
      if (here < part) into.fill(0, at + Math.max(here, 0), at + part);
      if (chunk !== null && chunk.hasAbsent) this.#makePresent(chunk, offset, part);
      done += part;
    }
    return Math.max(count, 0);
  }

  /** How many bytes from `position` on can be read without waiting for the medium. */
  resident(position: number, size: number): number {
    const end = Math.min(position + size, this.size);
    for (const chunk of this.#chunks) {
      if (!chunk.hasAbsent) continue;
      for (let page = 0; page < chunk.state.length; page += 1) {
        const at = chunk.start + page * this.pageSize;
        if ((chunk.state[page]! & ABSENT) === 0 || at + this.pageSize <= position) continue;
        if (at < end) return Math.max(0, at - position);
      }
    }
    return Math.max(0, end - position);
  }

  /** Sets the size: zeros appear, or bytes go for the readers and, later, for the medium. */
  truncate(size: number): void {
    if (size < this.size) {
      this.cut = Math.min(this.cut, size);
      for (const chunk of this.#chunks) {
        if (chunk.start + CHUNK_SIZE > size) this.#cutChunk(chunk, Math.max(0, size - chunk.start));
      }
    }
    this.size = size;
  }

  /** Takes room for a range; its bytes read as zeros. */
  reserve(position: number, size: number): void {
    for (let at = position; at < position + size;) {
      const chunk = this.#chunkAt(at);
      const page = Math.floor((at - chunk.start) / this.pageSize);
      if ((chunk.state[page]! & ALLOCATED) === 0) this.pages += 1;
      chunk.state[page]! |= ALLOCATED;
      at = chunk.start + (page + 1) * this.pageSize;
    }
  }

  /** Everything becomes durable; what an earlier failed writeback dropped does not come back. */
  syncAll(): void {
    if (this.cut !== Infinity) this.commitCut();
    for (const chunk of this.#chunks) {
      if (chunk.dirtyHigh >= 0) chunk.persistDirty();
    }
    this.durableSize = this.size;
  }

  /** The truncation reaches the medium. Dirty pages lose what an earlier life of theirs left. */
  commitCut(): void {
    const { cut, pageSize } = this;
    for (const chunk of this.#chunks) {
      const length = chunk.durable.length;
      if (chunk.start + length <= cut) continue;
      const from = Math.max(0, cut - chunk.start);
      for (let page = Math.floor(from / pageSize); page * pageSize < length; page += 1) {
        const start = Math.max(from, page * pageSize);
        const end = (page + 1) * pageSize;
        chunk.durable.fill(0, start, end);
        if ((chunk.state[page]! & (DIRTY | STALE)) === 0) chunk.persist(start, end);
      }
    }
    this.durableSize = Math.min(this.durableSize, cut);
    this.cut = Infinity;
  }

  /** POSIX_FADV_DONTNEED, or memory pressure: clean pages of the range leave the cache. */
  dropClean(position: number, end: number): void {
    for (const chunk of this.#chunks) {
      const first = Math.max(0, Math.ceil((position - chunk.start) / this.pageSize));
      const last = Math.min(chunk.state.length, Math.floor((end - chunk.start) / this.pageSize));
      for (let page = first; page < last; page += 1) this.#dropPage(chunk, page);
      if (first === 0 && last === chunk.state.length) chunk.hasStale = false;
    }
  }

  /** readahead: the pages of the range come into the cache. */
  load(position: number, end: number): void {
    for (const chunk of this.#chunks) {
      const from = Math.max(0, position - chunk.start);
      const to = Math.min(CHUNK_SIZE, end - chunk.start);
      if (chunk.hasAbsent && from < to) this.#makePresent(chunk, from, to - from);
    }
  }

  /** One page leaves the cache, where it is clean. */
  dropOne(prng: SimPrng): void {
    if (this.#chunks.length === 0) return;
    const chunk = this.#chunks[prng.below(this.#chunks.length)]!;
    const used = Math.ceil(chunk.current.length / this.pageSize);
    if (used > 0) this.#dropPage(chunk, prng.below(used));
  }

  /** Flips one durable bit. False where the medium holds nothing. */
  rot(prng: SimPrng): boolean {
    if (this.#chunks.length === 0) return false;
    const chunk = this.#chunks[prng.below(this.#chunks.length)]!;
    const length = Math.min(chunk.durable.length, this.durableSize - chunk.start);
    if (length <= 0) return false;
    const at = prng.below(length);
    const bit = 1 << prng.below(8);
    chunk.durable[at]! ^= bit;
    const page = Math.floor(at / this.pageSize);
    const state = chunk.state[page]!;
    const isSeen = chunk.start + at < Math.min(this.size, this.cut);
    if ((state & ABSENT) !== 0 && isSeen) chunk.current[at]! ^= bit;
    else if ((state & DIRTY) === 0) {
      chunk.state[page]! |= STALE;
      chunk.hasStale = true;
    }
    return true;
  }

  /** What cachestat says of a range, in pages of 4 KiB: cached, dirty, evicted. */
  countCache(position: number, end: number): [cached: number, dirty: number, evicted: number] {
    const counts: [number, number, number] = [0, 0, 0];
    const group = Math.max(1, CACHE_PAGE / this.pageSize);
    const stop = Math.min(end, this.size);
    for (const chunk of this.#chunks) {
      for (let page = 0; page < chunk.state.length; page += group) {
        const at = chunk.start + page * this.pageSize;
        if (at + CACHE_PAGE <= position || at >= stop) continue;
        let together = 0;
        for (let i = page; i < page + group; i += 1) together |= chunk.state[i] ?? 0;
        if ((together & ALLOCATED) === 0) continue;
        if ((together & ABSENT) !== 0) counts[2] += 1;
        else counts[0] += 1;
        if ((together & DIRTY) !== 0) counts[1] += 1;
      }
    }
    return counts;
  }

  #dropPage(chunk: Chunk, page: number): void {
    const state = chunk.state[page]!;
    if ((state & (ALLOCATED | DIRTY)) !== ALLOCATED) return;
    if ((state & STALE) !== 0) {
      const limit = Math.max(0, Math.min(this.cut, this.size) - chunk.start);
      chunk.revert(page * this.pageSize, (page + 1) * this.pageSize, limit);
    }
    chunk.state[page] = ALLOCATED | ABSENT;
    chunk.hasAbsent = true;
  }

  #makePresent(chunk: Chunk, offset: number, size: number): void {
    const last = Math.floor((offset + size - 1) / this.pageSize);
    for (let page = Math.floor(offset / this.pageSize); page <= last; page += 1) {
      chunk.state[page]! &= ~ABSENT;
    }
  }

  /** For readers everything from `from` on is gone. */
  #cutChunk(chunk: Chunk, from: number): void {
    if (from < chunk.current.length) chunk.current.fill(0, from);
    const { state, pageSize } = chunk;
    for (let page = Math.ceil(from / pageSize); page < state.length; page += 1) {
      if ((state[page]! & ALLOCATED) !== 0) this.pages -= 1;
      state[page] = 0;
    }
    chunk.dirtyHigh = Math.min(chunk.dirtyHigh, Math.ceil(from / pageSize) - 1);
    if (chunk.dirtyHigh < chunk.dirtyLow) chunk.forgetDirty();
  }

  #find(index: number): Chunk | null {
    const start = index * CHUNK_SIZE;
    const chunks = this.#chunks;
    const direct = chunks[index];
    if (direct !== undefined && direct.start === start) return direct;
    for (let i = 0; i < chunks.length; i += 1) {
      if (chunks[i]!.start === start) return chunks[i]!;
    }
    return null;
  }

  #chunkAt(position: number): Chunk {
    const index = Math.floor(position / CHUNK_SIZE);
    let chunk = this.#find(index);
    if (chunk === null) {
      chunk = new Chunk(index * CHUNK_SIZE, this.pageSize);
      this.#chunks.push(chunk);
    }
    return chunk;
  }
}

/** Below this a loop is faster than a view of the bytes. */
const LOOP_MAX = 160;

function copy(from: Uint8Array, start: number, into: Uint8Array, at: number, size: number): void {
  if (size > LOOP_MAX) {
    into.set(from.subarray(start, start + size), at);
    return;
  }
  for (let i = 0; i < size; i += 1) into[at + i] = from[start + i]!;
}
