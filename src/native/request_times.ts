/**
 * How long requests take: from the poll that found a request until the end of the turn that sent
 * its answer. One look at the clock for all answers of a turn. Hot.
 *
 *     answered, answered, …   the turn ends: settle
 *     (operation, takenMs)    -> a histogram per operation and listener
 *
 * A request that had to wait for others of its connection, or for memory, begins when it is taken.
 * Of control operations that the server answers later (add_topic, stop) it is the taking alone.
 *
 * What the broker asks itself, and what its HTTP door asks for others, comes through the control
 * listener and is counted apart, so that no request of a client is counted twice.
 *
 * Invariant: after `settle` nothing is pending.
 */

import { Histogram } from "../base/histogram.ts";
import { CONTROL_OPERATIONS } from "./control_operations.ts";
import { OPERATIONS } from "./operations.ts";

export interface RequestTime {
  readonly operation: string;
  readonly isControl: boolean;
  readonly timesUs: Histogram;
}

const PENDING_FIRST = 64;

const NAMES: ReadonlyMap<number, string> = new Map(
  [...OPERATIONS, ...CONTROL_OPERATIONS].map(({ code, name }) => [code, name]),
);

export class RequestTimes {
  /** By operation code, twice: of clients, and of the control listener. */
  readonly #timesUs: (Histogram | undefined)[];
  #kinds: Int32Array = new Int32Array(PENDING_FIRST);
  #takenMs: Float64Array = new Float64Array(PENDING_FIRST);
  #pending = 0;

  constructor() {
    this.#timesUs = new Array(2 * (Math.max(...NAMES.keys()) + 1)).fill(undefined);
  }

  /** The reply is queued, or there is none to come. `takenMs`: the clock of its turn. */
  answered(operation: number, isControl: boolean, takenMs: number): void {
    if (this.#pending === this.#kinds.length) this.#grow();
    this.#kinds[this.#pending] = 2 * operation + (isControl ? 1 : 0);
    this.#takenMs[this.#pending] = takenMs;
    this.#pending += 1;
  }

  /** The turn is over. */
  settle(nowMs: number): void {
    for (let i = 0; i < this.#pending; i += 1) {
      const kind = this.#kinds[i]!;
      const timesUs = this.#timesUs[kind] ??= new Histogram();
      timesUs.record((nowMs - this.#takenMs[i]!) * 1000);
    }
    this.#pending = 0;
  }

  /** Of the operations that were asked for. */
  list(): RequestTime[] {
    const found: RequestTime[] = [];
    for (const [code, operation] of NAMES) {
      for (const [index, isControl] of [false, true].entries()) {
        const timesUs = this.#timesUs[2 * code + index];
        if (timesUs !== undefined) found.push({ operation, isControl, timesUs });
      }
    }
    return found;
  }

  #grow(): void {
    const kinds = new Int32Array(2 * this.#kinds.length);
    const takenMs = new Float64Array(2 * this.#takenMs.length);
    kinds.set(this.#kinds);
    takenMs.set(this.#takenMs);
    this.#kinds = kinds;
    this.#takenMs = takenMs;
  }
}
