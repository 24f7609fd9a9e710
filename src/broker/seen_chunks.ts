/**
 * SeenChunks: what was found in the page cache a moment ago, so that not all of it need be looked
 * at for each slice of each reader of a hot range. Hot.
 *
 *     file      | chunk 0 | chunk 1 | chunk 2 | …     of 256 KiB; looked at as a whole
 *     entries   direct-mapped: file, chunk -> when it was seen; another one may take its place
 *
 * What was sent within the last second is what the kernel lets go of last, while it has older
 * pages. That it has none shows by something that is missing; then everything is forgotten. And the
 * last byte of a slice is asked for all the same: a file that somebody else has put out of the
 * cache is found out by it.
 *
 * Invariant: a chunk that is known was resident, all of it that was written, less than COLD_SEEN_MS
 * ago, and since then nothing that was to be sent was missing and nothing of ours left the cache.
 */

import type { FileSlice, SharedFile } from "../base/file_slice.ts";
import type { Residency } from "../log/residency.ts";
import { COLD_SEEN_CHUNK, COLD_SEEN_CHUNKS_MAX, COLD_SEEN_MS } from "../limits.ts";

/** Files that are read beside each other begin at different entries. */
const FILE_STRIDE = 1021;

export class SeenChunks {
  readonly #residency: Residency;
  /** Descriptors come back as another file's, objects do not. */
  readonly #files: (SharedFile | null)[] = new Array(COLD_SEEN_CHUNKS_MAX).fill(null);
  readonly #chunks: Int32Array = new Int32Array(COLD_SEEN_CHUNKS_MAX);
  readonly #seenMs: Float64Array = new Float64Array(COLD_SEEN_CHUNKS_MAX);
  /** What was seen then or before is forgotten. */
  #forgottenMs = -Infinity;

  constructor(residency: Residency) {
    this.#residency = residency;
  }

  /** Whether `slice` is resident, of a file of so many bytes: what is known gets a short look. */
  holds(slice: FileSlice, fileSize: number, nowMs: number): boolean {
    const { position, size } = slice;
    const file = slice.file!;
    const from = this.#unknownFrom(file, position, position + size, nowMs);
    if (from >= position + size) return this.#residency.holds(file.fd, position + size - 1, 1);
    const to = Math.min(chunkEnd(position + size), fileSize);
    if (this.#residency.holds(file.fd, from, to - from)) {
      this.#add(file, from, to, nowMs);
      return true;
    }
    // Only what lies around it may be missing.
    return this.#residency.holds(file.fd, position, size);
  }

  /** Something was missing, or is put out of the cache. */
  forget(nowMs: number): void {
    this.#forgottenMs = nowMs;
  }

  /** Where the first chunk of [position, end) begins that is not known. */
  #unknownFrom(file: SharedFile, position: number, end: number, nowMs: number): number {
    const sinceMs = Math.max(nowMs - COLD_SEEN_MS, this.#forgottenMs);
    let chunk = Math.floor(position / COLD_SEEN_CHUNK);
    for (; chunk * COLD_SEEN_CHUNK < end; chunk += 1) {
      const at = entryOf(file, chunk);
      if (this.#files[at] !== file || this.#chunks[at] !== chunk) break;
      if (this.#seenMs[at]! <= sinceMs) break;
    }
    return chunk * COLD_SEEN_CHUNK;
  }

  /** `from` is where a chunk begins. */
  #add(file: SharedFile, from: number, end: number, nowMs: number): void {
    for (let chunk = from / COLD_SEEN_CHUNK; chunk * COLD_SEEN_CHUNK < end; chunk += 1) {
      const at = entryOf(file, chunk);
      this.#files[at] = file;
      this.#chunks[at] = chunk;
      this.#seenMs[at] = nowMs;
    }
  }
}

/** Where the chunk ends that holds the byte before `end`. */
function chunkEnd(end: number): number {
  return Math.ceil(end / COLD_SEEN_CHUNK) * COLD_SEEN_CHUNK;
}

function entryOf(file: SharedFile, chunk: number): number {
  return (file.fd * FILE_STRIDE + chunk) % COLD_SEEN_CHUNKS_MAX;
}
