/**
 * What a connection has to send: memory and file slices in turn, `mem, file, mem, file, …`. Doors
 * fill it, `net/send_queue.ts` empties it and never learns what a frame or a segment is. Hot.
 *
 *     block    |  sent  | header A | header B | reply C |   free   |
 *              0      start                            end
 *     slices                       ^ at: file, position, size
 *
 * A slice is sent when all memory below its `at` is sent. Replies of a turn gather here, so that
 * one `send` carries them all.
 *
 * Invariant: start <= at of the first slice <= … <= end <= block.size; every slice in the list
 * holds a reference to its file. An empty reply holds no block.
 */

import { assert } from "./assert.ts";
import type { ByteBlock } from "./bytes.ts";
import type { FileSlice, SharedFile } from "./file_slice.ts";
import type { BlockPool } from "./pool.ts";

export class Reply<B extends ByteBlock = ByteBlock> {
  block: B | null = null;
  start = 0;
  end = 0;
  /** Bytes of files not yet sent. */
  sliceBytes = 0;
  /** Only a part of what there was went out: what is left was looked at long ago. */
  isStale = false;
  readonly #pool: BlockPool<B>;
  readonly #blockSize: number;
  #first = 0;
  #count = 0;
  #files: (SharedFile | null)[] = [];
  /** Per slice: at, position, size. */
  #ranges: Float64Array = new Float64Array(0);

  /** `blockSize` is that of the first block of a turn's replies. */
  constructor(pool: BlockPool<B>, blockSize: number = 0) {
    this.#pool = pool;
    this.#blockSize = blockSize;
  }

  get isEmpty(): boolean {
    return this.start === this.end && this.#count === 0;
  }

  /** Bytes still to send, of memory and files. */
  get pendingBytes(): number {
    return this.end - this.start + this.sliceBytes;
  }

  /**
   * Room for `size` bytes at the end. Returns where they begin in `block`, which may be another
   * block than before; the bytes count as filled.
   */
  reserve(size: number): number {
    if (this.block === null) {
      this.block = this.#pool.borrow(Math.max(size, this.#blockSize));
    } else if (this.end + size > this.block.size) {
      this.#makeRoom(size);
    }
    const at = this.end;
    this.end += size;
    return at;
  }

  /** Takes back the bytes from `at` on, which `reserve` gave last. */
  rewind(at: number): void {
    assert(at >= this.start, "only unsent bytes");
    assert(at <= this.end, "only reserved bytes");
    this.end = at;
  }

  /** Sends `slice` after all that was reserved so far. */
  pushSlice(slice: FileSlice): void {
    const file = slice.file;
    assert(file !== null, "a slice of a file");
    assert(slice.size > 0, "a slice that is not empty");
    if (this.#first + this.#count === this.#files.length) this.#makeRoomForSlice();
    const index = this.#first + this.#count;
    file.retain();
    this.#files[index] = file;
    this.#ranges[3 * index] = this.end;
    this.#ranges[3 * index + 1] = slice.position;
    this.#ranges[3 * index + 2] = slice.size;
    this.#count += 1;
    this.sliceBytes += slice.size;
  }

  get hasSlice(): boolean {
    return this.#count > 0;
  }

  get sliceCount(): number {
    return this.#count;
  }

  /** Bytes of memory not yet sent. */
  get memoryBytes(): number {
    return this.end - this.start;
  }

  /** End of the memory that goes before the first slice, or of all memory. */
  get memoryEnd(): number {
    return this.#count > 0 ? this.#ranges[3 * this.#first]! : this.end;
  }

  get sliceFd(): number {
    return this.#files[this.#first]!.fd;
  }

  get sliceFile(): SharedFile {
    return this.#files[this.#first]!;
  }

  get slicePosition(): number {
    return this.#ranges[3 * this.#first + 1]!;
  }

  get sliceSize(): number {
    return this.#ranges[3 * this.#first + 2]!;
  }

  memorySent(size: number): void {
    this.start += size;
    assert(this.start <= this.memoryEnd, "no more than was offered");
  }

  sliceSent(size: number): void {
    const at = 3 * this.#first;
    this.#ranges[at + 1]! += size;
    this.#ranges[at + 2]! -= size;
    this.sliceBytes -= size;
    assert(this.#ranges[at + 2]! >= 0, "no more than was offered");
    if (this.#ranges[at + 2] === 0) this.#dropSlice();
  }

  /** After sending: an empty reply gives its block back. */
  settle(): void {
    if (!this.isEmpty) return;
    this.start = 0;
    this.end = 0;
    if (this.block !== null) this.#pool.giveBack(this.block);
    this.block = null;
  }

  /** When the peer does not read: what is unsent waits in no larger block than it needs. */
  fit(): void {
    const old = this.block;
    if (old === null) return;
    const pending = this.end - this.start;
    if (pending > old.size / 4 || (pending > 0 && old.size === this.#pool.sizeMin)) return;
    this.block = pending === 0 ? null : this.#pool.borrow(pending);
    if (pending > 0) this.block!.bytes.set(old.bytes.subarray(this.start, this.end));
    this.#pool.giveBack(old);
    this.#moved();
  }

  /** Forgets everything unsent; for a connection that ends. */
  clear(): void {
    while (this.#count > 0) {
      this.sliceBytes -= this.sliceSize;
      this.#dropSlice();
    }
    this.start = this.end;
    this.isStale = false;
    this.settle();
  }

  #dropSlice(): void {
    this.#files[this.#first]!.release();
    this.#files[this.#first] = null;
    this.#first += 1;
    this.#count -= 1;
    if (this.#count === 0) this.#first = 0;
  }

  /** Moves what is unsent to the front of this block, or of a larger one. */
  #makeRoom(size: number): void {
    const old = this.block!;
    const pending = this.end - this.start;
    if (pending + size > old.size / 2) {
      const roomy = Math.min(2 * (pending + size), this.#pool.sizeMax);
      const larger = this.#pool.borrow(Math.max(roomy, pending + size));
      larger.bytes.set(old.bytes.subarray(this.start, this.end));
      this.#pool.giveBack(old);
      this.block = larger;
    } else {
      old.bytes.copyWithin(0, this.start, this.end);
    }
    this.#moved();
  }

  /** The unsent bytes stand at the front of the block now. */
  #moved(): void {
    for (let i = this.#first; i < this.#first + this.#count; i += 1) {
      this.#ranges[3 * i]! -= this.start;
    }
    this.end -= this.start;
    this.start = 0;
  }

  #makeRoomForSlice(): void {
    if (this.#first > 0) {
      this.#files.copyWithin(0, this.#first, this.#first + this.#count);
      this.#ranges.copyWithin(0, 3 * this.#first, 3 * (this.#first + this.#count));
      this.#files.fill(null, this.#count, this.#first + this.#count);
      this.#first = 0;
      return;
    }
    const capacity = Math.max(4, 2 * this.#files.length);
    const ranges = new Float64Array(3 * capacity);
    ranges.set(this.#ranges);
    this.#ranges = ranges;
    while (this.#files.length < capacity) this.#files.push(null);
  }
}
