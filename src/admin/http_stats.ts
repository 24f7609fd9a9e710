/**
 * What the HTTP door counts of itself: who is connected, and how long its requests take, by the
 * operation that the description names. Light: it is there before Hono is.
 */

import { Histogram } from "../base/histogram.ts";

/** In place of an operation: the gate let it not in. */
export const REFUSED = "refused";

interface Connected {
  readonly count: number;
}

export class HttpStats {
  readonly #connections: Connected;
  readonly #timesUs: Map<string, Histogram> = new Map();

  constructor(connections: Connected = { count: 0 }) {
    this.#connections = connections;
  }

  /** Connections of both listeners. */
  get connections(): number {
    return this.#connections.count;
  }

  /** A request is over: its answer was sent, or its client has gone. */
  answered(operation: string, tookMs: number): void {
    let timesUs = this.#timesUs.get(operation);
    if (timesUs === undefined) {
      timesUs = new Histogram();
      this.#timesUs.set(operation, timesUs);
    }
    timesUs.record(tookMs * 1000);
  }

  get timesUs(): ReadonlyMap<string, Histogram> {
    return this.#timesUs;
  }
}
