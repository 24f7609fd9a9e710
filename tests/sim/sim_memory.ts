/**
 * The structs of the port as the simulator makes them: plain memory, no addresses.
 *
 * Invariant: what the real adapters refuse (a range outside, detached or foreign memory, an index
 * that was not reported) is refused here by the same assertions.
 */
import { assert, assertInt, assertSize } from "../../ffi/assert.ts";
import { IOV_MAX } from "../../ffi/constants.ts";
import type { EpollEvents, IoVector, Memory } from "../../ffi/libc.ts";

/** From here on a block costs more to make than all calls on it. */
export const LARGE_SIZE = 4096;
/** A smaller block is zeroed as a whole when it is given out again. */
const HUGE_SIZE = 65536;

export class SimMemory implements Memory {
  readonly size: number;
  readonly offset: number;
  /** Calls have written below this position. */
  touchedEnd = 0;
  readonly bytes: Uint8Array<ArrayBuffer>;
  #words: Int32Array<ArrayBuffer> | null = null;
  #view: DataView<ArrayBuffer> | null = null;

  constructor(size: number, bytes: Uint8Array<ArrayBuffer> | null = null) {
    assertSize(size);
    assert(size > 0, "a block is not empty");
    this.size = size;
    this.bytes = bytes ?? new Uint8Array(new ArrayBuffer(size));
    this.offset = this.bytes.byteOffset;
  }

  touch(end: number): void {
    if (end > this.touchedEnd) this.touchedEnd = end;
  }

  get words(): Int32Array<ArrayBuffer> {
    return this.#words ??= new Int32Array(this.bytes.buffer, this.offset, this.size >> 2);
  }

  get view(): DataView<ArrayBuffer> {
    return this.#view ??= new DataView(this.bytes.buffer, this.offset, this.size);
  }
}

/**
 * Large blocks of processes that ended, by size. A new process gets them again, the largest zeroed
 * as far as calls have written: right for scratch that only calls fill.
 */
export class LargeBlocks {
  readonly #free: Map<number, SimMemory[]> = new Map();

  take(size: number): SimMemory | null {
    const block = this.#free.get(size)?.pop() ?? null;
    if (block !== null) {
      block.bytes.fill(0, 0, size < HUGE_SIZE ? size : block.touchedEnd);
      block.touchedEnd = 0;
    }
    return block;
  }

  giveBack(block: SimMemory): void {
    if (block.bytes.length !== block.size) return;
    const list = this.#free.get(block.size);
    if (list === undefined) this.#free.set(block.size, [block]);
    else list.push(block);
  }
}

export function assertRange(
  memory: Memory,
  start: number,
  size: number,
): asserts memory is SimMemory {
  assert(memory instanceof SimMemory, "memory comes from allocate of the simulator");
  assert((start | 0) === start && start >= 0, "a start is an integer from 0 to 2^31 - 1");
  assert((size | 0) === size && size >= 0, "a size is an integer from 0 to 2^31 - 1");
  assert(start + size <= memory.size, "the range lies in the memory");
  assert(memory.bytes.byteLength === memory.size, "the memory is not detached");
}

export class SimVector implements IoVector {
  readonly capacity: number;
  readonly memories: SimMemory[] = [];
  readonly starts: number[] = [];
  readonly sizes: number[] = [];
  #size = 0;

  constructor(capacity: number) {
    assertInt(capacity);
    assert(capacity >= 1, "a vector holds at least one entry");
    assert(capacity <= IOV_MAX, "a vector holds at most 1,024 entries");
    this.capacity = capacity;
  }

  get count(): number {
    return this.memories.length;
  }

  get size(): number {
    return this.#size;
  }

  push(memory: Memory, start: number, size: number): void {
    assertRange(memory, start, size);
    assert(this.count < this.capacity, "a vector has room");
    this.memories.push(memory);
    this.starts.push(start);
    this.sizes.push(size);
    this.#size += size;
  }

  consume(size: number): void {
    assertSize(size);
    assert(size <= this.#size, "no more is consumed than the vector holds");
    let left = size;
    let gone = 0;
    while (gone < this.count && left >= this.sizes[gone]!) {
      left -= this.sizes[gone]!;
      gone += 1;
    }
    if (gone > 0) {
      this.memories.splice(0, gone);
      this.starts.splice(0, gone);
      this.sizes.splice(0, gone);
    }
    if (left > 0) {
      this.starts[0]! += left;
      this.sizes[0]! -= left;
    }
    this.#size -= size;
  }

  clear(): void {
    this.memories.length = 0;
    this.starts.length = 0;
    this.sizes.length = 0;
    this.#size = 0;
  }
}

export function assertVector(vector: IoVector): asserts vector is SimVector {
  assert(vector instanceof SimVector, "a vector comes from ioVector of the simulator");
  for (const memory of vector.memories) {
    assert(memory.bytes.byteLength === memory.size, "the memory of an entry is not detached");
  }
}

export class SimEvents implements EpollEvents {
  readonly capacity: number;
  count = 0;
  readonly #flags: number[] = [];
  readonly #slots: number[] = [];
  readonly #generations: number[] = [];

  constructor(capacity: number) {
    assertInt(capacity);
    assert(capacity >= 1, "an event list holds at least one event");
    this.capacity = capacity;
  }

  add(flags: number, slot: number, generation: number): void {
    this.#flags[this.count] = flags;
    this.#slots[this.count] = slot;
    this.#generations[this.count] = generation;
    this.count += 1;
  }

  flags(i: number): number {
    this.#assertIndex(i);
    return this.#flags[i]!;
  }

  slot(i: number): number {
    this.#assertIndex(i);
    return this.#slots[i]!;
  }

  generation(i: number): number {
    this.#assertIndex(i);
    return this.#generations[i]!;
  }

  #assertIndex(i: number): void {
    assert((i | 0) === i, "an index is an integer");
    assert(i >= 0 && i < this.count, "an index is below the count of the last wait");
  }
}

export function assertEvents(events: EpollEvents): asserts events is SimEvents {
  assert(events instanceof SimEvents, "events come from epollEvents of the simulator");
}
