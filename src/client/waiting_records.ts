/**
 * Records that wait for room or for the metadata of their topic, in the order of the calls.
 *
 *     head ↓
 *     [ taken | taken | waits | waits | waits ]     what was taken is cut off now and then
 */

import type { Reject, Resolve } from "./pending_batch.ts";
import type { ProducerRecord } from "./record.ts";

export interface Waiting {
  readonly record: ProducerRecord;
  /** By `performance.now()`. */
  readonly deadlineMs: number;
  /** Hears of the delivery; null for a record of `post`. */
  readonly resolve: Resolve | null;
  /** Hears why the record was refused. */
  readonly reject: Reject;
  /** Hears that the record was taken; null for a record of `send`. */
  readonly taken: (() => void) | null;
}

/** So many taken ones are cut off at once. */
const CUT_COUNT = 1024;

export class WaitingRecords {
  #list: Waiting[] = [];
  #head = 0;
  #waiters: { readonly last: Waiting; readonly wake: () => void }[] = [];

  get isEmpty(): boolean {
    return this.#head === this.#list.length;
  }

  get first(): Waiting | null {
    return this.#list[this.#head] ?? null;
  }

  push(waiting: Waiting): void {
    this.#list.push(waiting);
  }

  /** The first one is taken or refused. */
  shift(): void {
    const gone = this.#list[this.#head]!;
    this.#head += 1;
    if (this.#head === CUT_COUNT || this.isEmpty) {
      this.#list = this.#list.slice(this.#head);
      this.#head = 0;
    }
    if (this.#waiters.length > 0) this.#wake(gone);
  }

  /** Takes those out whose time is over. */
  expired(nowMs: number): Waiting[] {
    const expired: Waiting[] = [];
    for (let next = this.first; next !== null && next.deadlineMs <= nowMs; next = this.first) {
      expired.push(next);
      this.shift();
    }
    return expired;
  }

  refuseAll(error: unknown): void {
    for (let next = this.first; next !== null; next = this.first) {
      this.shift();
      next.reject(error);
    }
  }

  /** Settles when all that wait now are taken or refused. */
  whenTaken(): Promise<void> {
    const last = this.#list.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((wake) => this.#waiters.push({ last, wake }));
  }

  #wake(gone: Waiting): void {
    for (const { wake } of this.#waiters.filter(({ last }) => last === gone)) wake();
    this.#waiters = this.#waiters.filter(({ last }) => last !== gone);
  }
}
