/**
 * The real libc with faults: a plan sees every call first and may answer it, so that a test fails
 * the k-th write, cuts one short, or counts what was asked for.
 */
import { libc } from "#ffi";
import type { IoVector, Libc, Memory } from "../../ffi/libc.ts";

export type CallName = {
  [K in keyof Libc]: Libc[K] extends (...args: never[]) => unknown ? K : never;
}[keyof Libc];

/**
 * Sees a call before it is made. A number is the call's result and nothing is called; undefined
 * lets it through. `{ short: n }` moves at most n bytes (pwritev, pwrite, pread).
 */
export type Plan = (
  call: CallName,
  args: readonly unknown[],
) => number | { short: number } | undefined;

const OPENING: ReadonlySet<CallName> = new Set([
  "openat",
  "socket",
  "accept4",
  "epollCreate",
  "eventfd",
]);

export class FaultyLibc {
  plan: Plan = () => undefined;
  /** Every call so far, by name. */
  readonly calls: CallName[] = [];
  /** Calls that gave a descriptor. */
  opened = 0;
  readonly libc: Libc;

  constructor(inner: Libc) {
    const answer = (name: CallName, args: unknown[]): unknown => {
      this.calls.push(name);
      const fault = this.plan(name, args);
      if (typeof fault === "number") return fault;
      if (name === "ioVector") return new PlainVector(args[0] as number);
      if (name === "pwritev") return writeVector(inner, args, fault?.short ?? Infinity);
      if (name === "preadv2") return readVector(inner, args);
      if (fault !== undefined) args[3] = Math.min(args[3] as number, fault.short);
      const method = Reflect.get(inner, name) as (...args: unknown[]) => unknown;
      const result = method.apply(inner, args);
      if (OPENING.has(name) && (result as number) >= 0) this.opened += 1;
      return result;
    };
    this.libc = new Proxy(inner, {
      get: (_, name) => (...args: unknown[]) => answer(name as CallName, args),
    });
  }

  count(call: CallName): number {
    return this.calls.filter((name) => name === call).length;
  }

  /** From now on the k-th call of this name (from 1) is answered with `result`. */
  failNth(call: CallName, k: number, result: number | { short: number }): void {
    let seen = 0;
    this.plan = (name) => {
      if (name !== call) return undefined;
      seen += 1;
      return seen === k ? result : undefined;
    };
  }

  heal(): void {
    this.plan = () => undefined;
  }
}

/**
 * The real libc without its syncs, for tests of what is written and not of what survives: a busy
 * disk must not slow down a thousand of them.
 */
export const libcWithoutSyncs: Libc = new Proxy(libc, {
  get: (inner, name) => {
    if (name === "fdatasync" || name === "fsync") return () => 0;
    const method = Reflect.get(inner, name) as (...args: unknown[]) => unknown;
    return method.bind(inner);
  },
});

/** A vector that can be looked into, so that a call can move a part of it. */
class PlainVector implements IoVector {
  readonly capacity: number;
  readonly entries: { memory: Memory; start: number; size: number }[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get count(): number {
    return this.entries.length;
  }

  get size(): number {
    return this.entries.reduce((size, entry) => size + entry.size, 0);
  }

  push(memory: Memory, start: number, size: number): void {
    if (this.entries.length === this.capacity) throw new Error("the vector is full");
    if (start + size > memory.size) throw new Error("outside of the memory");
    this.entries.push({ memory, start, size });
  }

  consume(size: number): void {
    let left = size;
    while (left > 0) {
      const first = this.entries[0];
      if (first === undefined) throw new Error("more was consumed than was there");
      const took = Math.min(left, first.size);
      first.start += took;
      first.size -= took;
      left -= took;
      if (first.size === 0) this.entries.shift();
    }
  }

  clear(): void {
    this.entries.length = 0;
  }
}

function readVector(inner: Libc, args: readonly unknown[]): number {
  const [fd, plain, position, flags] = args as [number, PlainVector, number, number];
  const vector = inner.ioVector(plain.capacity);
  for (const { memory, start, size } of plain.entries) vector.push(memory, start, size);
  return inner.preadv2(fd, vector, position, flags);
}

function writeVector(inner: Libc, args: readonly unknown[], limit: number): number {
  const [fd, vector, position] = args as [number, PlainVector, number];
  let done = 0;
  for (const { memory, start, size } of vector.entries) {
    const part = Math.min(size, limit - done);
    if (part === 0) break;
    const wrote = inner.pwrite(fd, memory, start, part, position + done);
    if (wrote < 0) return done > 0 ? done : wrote;
    done += wrote;
    if (wrote < size) break;
  }
  return done;
}
