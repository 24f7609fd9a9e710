/**
 * The network of a simulated machine: who listens where, and the byte queues between sockets.
 * Loopback only; what is sent is there at once and in order.
 */
import { keyOf, wildcardOf } from "./sim_address.ts";

/** Bytes on their way, at most `limit` of them. */
export class ByteQueue {
  limit: number;
  #bytes: Uint8Array = new Uint8Array(1024);
  #start = 0;
  #end = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  get room(): number {
    return Math.max(0, this.limit - this.size);
  }

  push(from: Uint8Array, start: number, size: number): void {
    if (this.#end + size > this.#bytes.length) this.#makeRoom(size);
    this.#bytes.set(from.subarray(start, start + size), this.#end);
    this.#end += size;
  }

  /** Moves up to `size` bytes out; with `peek` they stay. */
  take(into: Uint8Array, start: number, size: number, peek: boolean): number {
    const count = Math.min(size, this.size);
    into.set(this.#bytes.subarray(this.#start, this.#start + count), start);
    if (!peek) this.#start += count;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return count;
  }

  #makeRoom(size: number): void {
    const have = this.size;
    let capacity = this.#bytes.length;
    while (have + size > capacity) capacity *= 2;
    const bytes = capacity > this.#bytes.length ? new Uint8Array(capacity) : this.#bytes;
    if (bytes === this.#bytes) bytes.copyWithin(0, this.#start, this.#end);
    else bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = have;
  }
}

const FIRST_PORT = 32_768;

export class SimNetwork {
  /** Bound TCP addresses, by "host port". */
  readonly #bound: Map<string, object> = new Map();
  #nextPort = FIRST_PORT;

  /** False where the address is taken. */
  bind(host: string, port: number, owner: object): boolean {
    const key = keyOf(host, port);
    if (this.#bound.has(key)) return false;
    this.#bound.set(key, owner);
    return true;
  }

  unbind(host: string, port: number, owner: object): void {
    const key = keyOf(host, port);
    if (this.#bound.get(key) === owner) this.#bound.delete(key);
  }

  find(family: "inet" | "inet6", host: string, port: number): object | null {
    return this.#bound.get(keyOf(host, port)) ??
      this.#bound.get(keyOf(wildcardOf(family), port)) ?? null;
  }

  freePort(host: string): number {
    while (this.#bound.has(keyOf(host, this.#nextPort))) this.#nextPort += 1;
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_PORT : port + 1;
    return port;
  }
}
