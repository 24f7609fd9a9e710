/**
 * Things that are due at a time, the earliest first: a binary heap whose items know their place
 * in it, so that one that was settled otherwise leaves at once. Hot.
 *
 * Invariant: items[i].deadlineMs >= items[(i - 1) >> 1].deadlineMs, and items[i].heapIndex === i;
 * an item outside has heapIndex -1.
 */

import { assert } from "./assert.ts";

export interface Due {
  /** On the monotonic clock. */
  deadlineMs: number;
  heapIndex: number;
}

export class Deadlines<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The earliest deadline, or Infinity. */
  get nextMs(): number {
    return this.#items.length === 0 ? Infinity : this.#items[0]!.deadlineMs;
  }

  first(): T | null {
    return this.#items[0] ?? null;
  }

  add(item: T): void {
    assert(item.heapIndex === -1, "an item is added once");
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  remove(item: T): void {
    const index = item.heapIndex;
    assert(this.#items[index] === item, "an item of this heap");
    const last = this.#items.pop()!;
    item.heapIndex = -1;
    if (last === item) return;
    if (index > 0 && last.deadlineMs < this.#items[(index - 1) >> 1]!.deadlineMs) {
      this.#rise(index, last);
    } else {
      this.#sink(index, last);
    }
  }

  /** Moves `item` from `index` towards the root. */
  #rise(index: number, item: T): void {
    let at = index;
    while (at > 0) {
      const parent = this.#items[(at - 1) >> 1]!;
      if (parent.deadlineMs <= item.deadlineMs) break;
      this.#place(at, parent);
      at = (at - 1) >> 1;
    }
    this.#place(at, item);
  }

  #sink(index: number, item: T): void {
    let at = index;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#items.length) break;
      const right = child + 1;
      if (right < this.#items.length) {
        if (this.#items[right]!.deadlineMs < this.#items[child]!.deadlineMs) child = right;
      }
      if (this.#items[child]!.deadlineMs >= item.deadlineMs) break;
      this.#place(at, this.#items[child]!);
      at = child;
    }
    this.#place(at, item);
  }

  #place(index: number, item: T): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
