/**
 * Consumers that wait for bytes: a list per partition and one heap of deadlines for all. Waiters
 * are used again, so a long poll costs no allocation. Hot.
 *
 * Invariant: a waiter that is parked is in exactly one partition's list and in the heap.
 */

import { assert } from "../base/assert.ts";
import { Deadlines, type Due } from "../base/deadlines.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import type { TopicPartition } from "./topics.ts";

export class FetchWaiter implements Due, ColdWaiter {
  deadlineMs = 0;
  heapIndex = -1;
  slot = 0;
  generation = 0;
  correlation = 0;
  handle = 0;
  offset = 0;
  countFrom = 0;
  minBytes = 0;
  maxBytes = 0;
  /** Of one that waits for the disk. */
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  partition: TopicPartition | null = null;
  previous: FetchWaiter | null = null;
  next: FetchWaiter | null = null;
}

export class FetchWaiters {
  readonly deadlines: Deadlines<FetchWaiter> = new Deadlines();
  readonly #free: FetchWaiter[] = [];

  /** A waiter to fill and `park`. */
  make(): FetchWaiter {
    return this.#free.pop() ?? new FetchWaiter();
  }

  park(waiter: FetchWaiter, partition: TopicPartition): void {
    assert(waiter.partition === null, "parked once");
    waiter.partition = partition;
    waiter.previous = null;
    waiter.next = partition.firstWaiter;
    if (waiter.next !== null) waiter.next.previous = waiter;
    partition.firstWaiter = waiter;
    this.deadlines.add(waiter);
  }

  /** Moves the deadline of a parked waiter. */
  postpone(waiter: FetchWaiter, deadlineMs: number): void {
    this.deadlines.remove(waiter);
    waiter.deadlineMs = deadlineMs;
    this.deadlines.add(waiter);
  }

  /** Takes a waiter out, answered or not. Its fields stay readable until the next `make`. */
  unpark(waiter: FetchWaiter): void {
    const partition = waiter.partition;
    assert(partition !== null, "a parked waiter");
    if (waiter.previous === null) partition.firstWaiter = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next !== null) waiter.next.previous = waiter.previous;
    waiter.partition = null;
    waiter.previous = null;
    waiter.next = null;
    this.deadlines.remove(waiter);
    this.#free.push(waiter);
  }
}
