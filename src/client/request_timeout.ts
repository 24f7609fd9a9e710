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

/** Looks a few times per `timeoutMs` whether the oldest request is older than that. */
export function endSilent(connection: Connection, timeoutMs: number): void {
  let wasOverdue = false;
  const timer = setInterval(() => {
    const isOverdue = performance.now() - connection.oldestMs > timeoutMs;
    if (isOverdue && wasOverdue) connection.abort(silent(connection.address, timeoutMs));
    wasOverdue = isOverdue;
  }, Math.max(1, timeoutMs / LOOKS_PER_TIMEOUT));
  timer.unref();
  void connection.ended.then(() => clearInterval(timer));
}
