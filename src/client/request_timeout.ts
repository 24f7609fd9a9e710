/**
 * Ends a connection that owes an answer for too long: its broker hangs, or the network drops what
 * is sent without saying so.
 *
 *     request sent …………… timeout | looked: too old | looked again: still too old -> ended
 *                                   ^ what came while this program stood still is read here
 *
 * It keeps no program alive by itself, and ends with the connection.
 */

import { clearInterval, setInterval } from "node:timers";
import type { Connection } from "./connection.ts";
import { silent } from "./open_socket.ts";

const LOOKS_PER_TIMEOUT = 4;

/** Finds what is too old at two looks running. */
export class Patience {
  readonly #timeoutMs: number;
  #wasOverdue = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** One look: whether it is over for what was sent at `oldestMs` (Infinity: nothing was). */
  isOver(oldestMs: number, nowMs: number): boolean {
    const isOverdue = nowMs - oldestMs > this.#timeoutMs;
    const isOver = isOverdue && this.#wasOverdue;
    this.#wasOverdue = isOverdue;
    return isOver;
  }
}

/** Looks a few times per `timeoutMs` whether the oldest request is older than that. */
export function endSilent(connection: Connection, timeoutMs: number): void {
  const patience = new Patience(timeoutMs);
  const timer = setInterval(() => {
    const isOver = patience.isOver(connection.oldestMs, performance.now());
    if (isOver) connection.abort(silent(connection.address, timeoutMs));
  }, Math.max(1, timeoutMs / LOOKS_PER_TIMEOUT));
  timer.unref();
  void connection.ended.then(() => clearInterval(timer));
}
