/**
 * The structs of FaultyLibc: a vector that can be cut, because a real one cannot be looked into,
 * and an AIO context whose results can be replaced.
 */
import type { Aio, IoVector, Libc, Memory } from "../../ffi/libc.ts";
import type { CallName } from "./faulty_libc.ts";

interface Entry {
  readonly memory: Memory;
  readonly start: number;
  readonly size: number;
}

export class FaultyVector implements IoVector {
  readonly capacity: number;
  readonly #libc: Libc;
  readonly #whole: IoVector;
  readonly #entries: Entry[] = [];
  /** Bytes of the first entry that were consumed. */
  #consumed = 0;

  constructor(libc: Libc, capacity: number) {
    this.#libc = libc;
    this.#whole = libc.ioVector(capacity);
    this.capacity = capacity;
  }

  get count(): number {
    return this.#whole.count;
  }

  get size(): number {
    return this.#whole.size;
  }

  push(memory: Memory, start: number, size: number): void {
    this.#whole.push(memory, start, size);
    this.#entries.push({ memory, start, size });
  }

  consume(size: number): void {
    this.#whole.consume(size);
    this.#consumed += size;
    while (this.#entries.length > this.#whole.count) {
      this.#consumed -= this.#entries.shift()!.size;
    }
  }

  clear(): void {
    this.#whole.clear();
    this.#entries.length = 0;
    this.#consumed = 0;
  }

  /** A vector of the inner libc with the first `size` bytes of this one. */
  upTo(size: number): IoVector {
    if (size >= this.size) return this.#whole;
    const part = this.#libc.ioVector(this.capacity);
    let skip = this.#consumed;
    for (const { memory, start, size: whole } of this.#entries) {
      const taken = Math.min(whole - skip, size - part.size);
      if (taken > 0) part.push(memory, start + skip, taken);
      skip = 0;
    }
    return part;
  }
}

/** What asks the plan. */
interface Faults {
  fault(name: CallName, fd?: number): number;
}

export class FaultyAio implements Aio {
  readonly capacity: number;
  readonly #faults: Faults;
  readonly #inner: Aio;
  /** Faults of what the last reap gave, by index; 0 is none. */
  readonly #results: number[] = [];

  constructor(faults: Faults, inner: Aio) {
    this.capacity = inner.capacity;
    this.#faults = faults;
    this.#inner = inner;
  }

  prepare(i: number, opcode: number, fd: number, tag: number): void {
    this.#inner.prepare(i, opcode, fd, tag);
  }

  submit(count: number): number {
    return this.#faults.fault("aio.submit") || this.#inner.submit(count);
  }

  reap(): number {
    const count = this.#inner.reap();
    for (let i = 0; i < count; i += 1) this.#results[i] = this.#faults.fault("aio.result");
    return count;
  }

  tag(i: number): number {
    return this.#inner.tag(i);
  }

  result(i: number): number {
    const result = this.#inner.result(i);
    return this.#results[i]! || result;
  }

  close(): number {
    return this.#inner.close();
  }
}
