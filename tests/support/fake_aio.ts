/**
 * An AIO context in the hands of the test: what was submitted is done when the test says so, in
 * whatever order, with whatever result. Nothing is synced: here it is about who waits for whom.
 */
import { libc } from "#ffi";
import { EINTR } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";

export interface Submitted {
  fd: number;
  tag: number;
}

export class FakeAio implements Aio {
  readonly capacity: number;
  /** In flight, oldest first. */
  readonly inFlight: Submitted[] = [];
  /** How many of the next submission are taken; below zero it fails as a whole. */
  takes: number = Infinity;
  /** How many of the next reaps end with -EINTR, and what all of them say, if it is not 0. */
  interruptions = 0;
  reapFails = 0;
  closed = 0;
  readonly #prepared: Submitted[] = [];
  #done: { tag: number; result: number }[] = [];
  #reaped: { tag: number; result: number }[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  prepare(i: number, _opcode: number, fd: number, tag: number): void {
    if (i >= this.capacity) throw new Error("no such request");
    this.#prepared[i] = { fd, tag };
  }

  submit(count: number): number {
    if (this.takes < 0) return this.takes;
    const taken = Math.min(count, this.takes);
    if (this.inFlight.length + taken > this.capacity) throw new Error("more than it has room for");
    this.inFlight.push(...this.#prepared.slice(0, taken));
    return taken;
  }

  /** Ends the sync at `index` of those in flight; the caller then reaps. */
  finish(index: number, result: number = 0): Submitted {
    const [request] = this.inFlight.splice(index, 1);
    if (request === undefined) throw new Error("nothing is in flight there");
    this.#done.push({ tag: request.tag, result });
    return request;
  }

  finishAll(): void {
    while (this.inFlight.length > 0) this.finish(0);
  }

  reap(): number {
    if (this.reapFails < 0) return this.reapFails;
    this.interruptions -= 1;
    if (this.interruptions >= 0) return -EINTR;
    this.#reaped = this.#done.slice(0, this.capacity);
    this.#done = this.#done.slice(this.capacity);
    return this.#reaped.length;
  }

  tag(i: number): number {
    return this.#reaped[i]!.tag;
  }

  result(i: number): number {
    return this.#reaped[i]!.result;
  }

  close(): number {
    this.closed += 1;
    return 0;
  }
}

/**
 * The real libc whose `openAio` gives this context, or this error, whose syncs do nothing, and with
 * the calls of `instead`.
 */
export function libcWithAio(aio: Aio | number, instead: Partial<Libc> = {}): Libc {
  return new Proxy(libc, {
    get: (inner, name) => {
      if (name === "openAio") return () => aio;
      if (name in instead) return Reflect.get(instead, name);
      if (name === "fdatasync") return () => 0;
      const method = Reflect.get(inner, name) as (...args: unknown[]) => unknown;
      return method.bind(inner);
    },
  });
}
