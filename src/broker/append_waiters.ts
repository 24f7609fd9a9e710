/**
 * Producers that wait until their batch has reached a level: one queue per partition and level,
 * in the order of the log. Hot.
 *
 *     slot generation | correlation handle | error | base end | taken
 *
 * An entry is answered when everything below `end` has reached the level. A refused batch queues
 * too, with its error and the end of the log before it, so that answers of a handle keep their
 * order.
 *
 * Invariant: `end` never falls from an entry to the next.
 */

import { assert } from "../base/assert.ts";

/** In place of a slot: a batch of the broker's own; the correlation says which. */
export const COORDINATOR_SLOT = -1;

const CAPACITY_FIRST = 16;
/** int32 fields of an entry. */
const FIELDS = 5;

export class AppendWaiters {
  /** The entry that `take` took last. */
  slot = 0;
  generation = 0;
  correlation = 0;
  handle = 0;
  error = 0;
  base = 0;
  /** When the request was taken, by the clock of the turn. */
  takenMs = 0;
  #head = 0;
  #count = 0;
  #capacity = CAPACITY_FIRST;
  #fields: Int32Array = new Int32Array(CAPACITY_FIRST * FIELDS);
  #bases: Float64Array = new Float64Array(CAPACITY_FIRST);
  #ends: Float64Array = new Float64Array(CAPACITY_FIRST);
  #takenMs: Float64Array = new Float64Array(CAPACITY_FIRST);

  get count(): number {
    return this.#count;
  }

  push(
    slot: number,
    generation: number,
    correlation: number,
    handle: number,
    error: number,
    base: number,
    end: number,
    takenMs: number,
  ): void {
    if (this.#count === this.#capacity) this.#grow();
    const at = (this.#head + this.#count) & (this.#capacity - 1);
    const field = at * FIELDS;
    this.#fields[field] = slot;
    this.#fields[field + 1] = generation;
    this.#fields[field + 2] = correlation;
    this.#fields[field + 3] = handle;
    this.#fields[field + 4] = error;
    this.#bases[at] = base;
    this.#ends[at] = end;
    this.#takenMs[at] = takenMs;
    this.#count += 1;
  }

  /** Takes the first entry when its end is at or below `reached`; its fields are then set here. */
  take(reached: number): boolean {
    if (this.#count === 0) return false;
    const at = this.#head;
    if (this.#ends[at]! > reached) return false;
    const field = at * FIELDS;
    this.slot = this.#fields[field]!;
    this.generation = this.#fields[field + 1]! >>> 0;
    this.correlation = this.#fields[field + 2]! >>> 0;
    this.handle = this.#fields[field + 3]!;
    this.error = this.#fields[field + 4]!;
    this.base = this.#bases[at]!;
    this.takenMs = this.#takenMs[at]!;
    this.#head = (at + 1) & (this.#capacity - 1);
    this.#count -= 1;
    return true;
  }

  /**
   * What lies above `end` was never written: it gets `error`, and its turn behind what was. All
   * entries are looked at: one that was refused after the write failed already has the lower end.
   */
  refuseAbove(end: number, error: number): void {
    for (let i = 0; i < this.#count; i += 1) {
      const at = (this.#head + i) & (this.#capacity - 1);
      if (this.#ends[at]! <= end) continue;
      this.#ends[at] = end;
      if (this.#fields[at * FIELDS + 4] === 0) this.#fields[at * FIELDS + 4] = error;
    }
  }

  #grow(): void {
    const capacity = this.#capacity * 2;
    const fields = new Int32Array(capacity * FIELDS);
    const bases = new Float64Array(capacity);
    const ends = new Float64Array(capacity);
    const takenMs = new Float64Array(capacity);
    for (let i = 0; i < this.#count; i += 1) {
      const at = (this.#head + i) & (this.#capacity - 1);
      fields.set(this.#fields.subarray(at * FIELDS, at * FIELDS + FIELDS), i * FIELDS);
      bases[i] = this.#bases[at]!;
      ends[i] = this.#ends[at]!;
      takenMs[i] = this.#takenMs[at]!;
    }
    assert(this.#count <= capacity, "room for all");
    this.#fields = fields;
    this.#bases = bases;
    this.#ends = ends;
    this.#takenMs = takenMs;
    this.#capacity = capacity;
    this.#head = 0;
  }
}
