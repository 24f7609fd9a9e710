/**
 * EventList: `struct epoll_event[]` that `epollWait` fills, and the word order of its data.
 *
 *   x64      | flags | slot | generation |              packed, three words each
 *   aarch64  | flags | hole | slot | generation |       four words each
 *
 * Invariant: `count` is what the last wait reported; an event at or above it is never read.
 */

import { assert, assertInt } from "./assert.ts";
import { Block } from "./block.ts";
import { EPOLL_EVENT } from "./layouts.ts";
import type { EpollEvents } from "./libc.ts";
import type { Native } from "./native.ts";

const WORDS = EPOLL_EVENT.size / 4;
const FLAGS = EPOLL_EVENT.at.events / 4;
const SLOT = EPOLL_EVENT.at.data / 4;
const GENERATION = SLOT + 1;

export class EventList implements EpollEvents {
  readonly capacity: number;
  readonly block: Block;
  count = 0;

  constructor(native: Native, capacity: number) {
    assertInt(capacity);
    assert(capacity >= 1, "an event list holds at least one event");
    this.capacity = capacity;
    this.block = new Block(native, capacity * EPOLL_EVENT.size);
  }

  flags(i: number): number {
    return this.#word(i, FLAGS);
  }

  slot(i: number): number {
    return this.#word(i, SLOT);
  }

  generation(i: number): number {
    return this.#word(i, GENERATION);
  }

  /** Fills event 0, for `epollCtl`. */
  set(flags: number, slot: number, generation: number): void {
    const words = this.block.words;
    words[FLAGS] = flags;
    words[SLOT] = slot;
    words[GENERATION] = generation;
  }

  #word(i: number, field: number): number {
    assert((i | 0) === i, "an index is an integer");
    assert(i >= 0, "an index is not negative");
    assert(i < this.count, "an index is below the count of the last wait");
    return this.block.words[i * WORDS + field]! >>> 0;
  }
}

export function assertEvents(events: EpollEvents): asserts events is EventList {
  assert(events instanceof EventList, "events come from epollEvents of this adapter");
}
