/**
 * Producer ids, given out from blocks: a block is durable in the catalogue before the shard has it,
 * so that no id is ever given twice; what is left of one at a stop is lost.
 *
 *     take -> from the block | empty: main is asked, the request waits -> a block -> answered
 */

import { assert } from "../base/assert.ts";

export class ProducerIds {
  /** Requests that wait for a block, by the door's token, oldest first. */
  readonly waiting: number[] = [];
  /** Main is asked for a block. */
  isAsked = false;
  #next = 0;
  #end = 0;

  /** An id that nobody else has, or -1: a block is needed first. */
  take(): number {
    if (this.#next === this.#end) return -1;
    const id = this.#next;
    this.#next += 1;
    return id;
  }

  /** A block from main: `count` ids from `first` on. */
  add(first: number, count: number): void {
    assert(this.#next === this.#end, "main is asked when a block is used up");
    assert(first >= this.#end, "blocks only rise");
    this.#next = first;
    this.#end = first + count;
  }
}
