/**
 * What becomes of a file's unsynced bytes: background writeback, a sync that fails, a power cut.
 * A superset of what ext4 and XFS were seen to do (docs, durability): pages go one by one, the size
 * goes by itself, a truncation may revert.
 *
 * Invariant: every byte that is left was written there once, or is a zero that nobody wrote over;
 * what a successful sync covered is never touched.
 */
import { ABSENT, ALLOCATED, type Chunk, CHUNK_SIZE, DIRTY, STALE } from "./sim_chunk.ts";
import type { PageFate, SimFile } from "./sim_file.ts";
import type { SimPrng } from "./prng.ts";

/** Sizes that ext4 was seen to leave are multiples of its block. */
const BLOCK = 4096;

/** Some dirty pages reach the medium, the size goes its own way. */
export function writeBackSome(
  file: SimFile,
  prng: SimPrng,
  percent: number,
  failurePermille: number,
): void {
  for (const chunk of file.chunks) {
    const high = chunk.dirtyHigh;
    let left = false;
    for (let page = chunk.dirtyLow; page <= high; page += 1) {
      if ((chunk.state[page]! & DIRTY) === 0) continue;
      if (!prng.chance(percent)) {
        left = true;
      } else if (prng.permille(failurePermille)) {
        dropWrite(chunk, page);
        file.recordError();
      } else {
        writeBack(chunk, page);
      }
    }
    if (!left) chunk.forgetDirty();
  }
  if (file.cut !== Infinity) {
    if (prng.chance(30)) file.commitCut();
  } else if (file.size > file.durableSize && prng.chance(30)) {
    file.durableSize = drawSize(prng, file.durableSize, file.size);
  }
}

/** A sync that fails: every page counts as clean, and `dropPercent` of them are lost. */
export function failSync(file: SimFile, prng: SimPrng, dropPercent: number): void {
  for (const chunk of file.chunks) {
    for (let page = chunk.dirtyLow; page <= chunk.dirtyHigh; page += 1) {
      if ((chunk.state[page]! & DIRTY) === 0) continue;
      if (prng.chance(dropPercent)) dropWrite(chunk, page);
      else writeBack(chunk, page);
    }
    chunk.forgetDirty();
  }
  if (prng.chance(50)) {
    if (file.cut !== Infinity) file.commitCut();
    file.durableSize = file.size;
  }
}

/** The power goes: afterwards reads see the medium, and nothing is in the cache. */
export function cutPower(file: SimFile, prng: SimPrng, fate: PageFate): void {
  const reverted = file.cut !== Infinity && prng.chance(50);
  if (!reverted && file.cut !== Infinity) file.commitCut();
  for (const chunk of file.chunks) {
    if (chunk.dirtyHigh >= 0) settleChunk(chunk, prng, fate);
  }
  const size = reverted ? file.durableSize : drawSize(prng, file.durableSize, file.size);
  let pages = 0;
  for (const chunk of file.chunks) pages += restoreChunk(chunk, size - chunk.start, reverted);
  file.pages = pages;
  file.size = size;
  file.durableSize = size;
  file.cut = Infinity;
}

/** After a power cut: also what was synced has to be read from the medium again. */
export function chill(file: SimFile): void {
  for (const chunk of file.chunks) {
    for (let page = 0; page < chunk.state.length; page += 1) {
      if ((chunk.state[page]! & ALLOCATED) !== 0) chunk.state[page]! |= ABSENT;
    }
    chunk.hasAbsent = true;
  }
}

/** Any size between the two; the ends and whole blocks more often than the rest. */
export function drawSize(prng: SimPrng, low: number, high: number): number {
  if (low >= high) return low;
  switch (prng.below(4)) {
    case 0:
      return low;
    case 1:
      return high;
    case 2: {
      const first = Math.floor(low / BLOCK) + 1;
      const blocks = Math.ceil(high / BLOCK) - first + 1;
      return Math.min(high, (first + prng.below(Math.max(1, blocks))) * BLOCK);
    }
    default:
      return low + Math.floor((prng.next() / 2 ** 32) * (high - low + 1));
  }
}

function writeBack(chunk: Chunk, page: number): void {
  chunk.persist(page * chunk.pageSize, (page + 1) * chunk.pageSize);
  chunk.state[page]! &= ~DIRTY;
}

function dropWrite(chunk: Chunk, page: number): void {
  chunk.state[page] = (chunk.state[page]! & ~DIRTY) | STALE;
  chunk.hasStale = true;
}

function settleChunk(chunk: Chunk, prng: SimPrng, fate: PageFate): void {
  const { pageSize } = chunk;
  for (let page = chunk.dirtyLow; page <= chunk.dirtyHigh; page += 1) {
    if ((chunk.state[page]! & DIRTY) === 0) continue;
    const roll = prng.below(100);
    const start = page * pageSize;
    if (roll < fate.keep) chunk.persist(start, start + pageSize);
    else if (roll < fate.keep + fate.tear) {
      chunk.persist(start, start + 1 + prng.below(pageSize - 1));
    }
  }
}

/** `limit` is where the file ends in this chunk. Returns its pages with room on the medium. */
function restoreChunk(chunk: Chunk, limit: number, whole: boolean): number {
  const { state, pageSize } = chunk;
  const end = Math.max(0, Math.min(limit, CHUNK_SIZE));
  if (whole) {
    chunk.revert(0, CHUNK_SIZE, end);
  } else {
    for (let page = 0; page * pageSize < chunk.current.length; page += 1) {
      if ((state[page]! & (DIRTY | STALE)) === 0) continue;
      chunk.revert(page * pageSize, (page + 1) * pageSize, end);
    }
  }
  if (end < chunk.current.length) chunk.current.fill(0, end);
  if (end < chunk.durable.length) chunk.durable.fill(0, end);
  let pages = 0;
  for (let page = 0; page < state.length; page += 1) {
    const start = page * pageSize;
    const hasRoom = (state[page]! & ALLOCATED) !== 0 || (whole && start < chunk.durable.length);
    state[page] = start < end && hasRoom ? ALLOCATED | ABSENT : 0;
    if (state[page] !== 0) pages += 1;
  }
  chunk.forgetDirty();
  chunk.hasStale = false;
  chunk.hasAbsent = true;
  return pages;
}
