/**
 * How long a connection may take: for `hello`, for a frame from its first byte to its last, for
 * reading what it is sent, and for doing nothing. Hot.
 *
 * Each connection stands in one heap with the earliest of its deadlines. Activity moves no item: it
 * writes a time into the connection, and when the item comes first the deadline is reckoned again.
 * So a message costs a store, and an idle connection one look per timeout.
 *
 * Times are on the loop's clock (`Node.loopMs`), which leaps over what kept the loop from running:
 * after SIGCONT clients are first read, and none of them is late for our sake.
 *
 * Invariant: an open connection of a client is in the heap, at or before its earliest deadline;
 * control connections, which are our own, never are.
 */

import { MiB } from "../base/units.ts";
import { REQUEST_MS_PER_MIB, SETTLE_MS } from "../limits.ts";
import { type Connection, NEVER } from "../net/connection.ts";
import type { CloseReason } from "./connection_counters.ts";
import { type Node, Slot } from "./node.ts";

/** How long a refused client may take to read why, once everything it asked for is answered. */
export const LINGER_MS = 1000;

/** Puts the connection into the heap, or forward in it where a deadline is earlier than known. */
export function watch(node: Node, connection: Connection): void {
  if (connection.listener === Slot.control) return;
  const dueMs = nextDueMs(node, connection);
  if (connection.heapIndex >= 0) {
    if (connection.deadlineMs <= dueMs) return;
    node.deadlines.remove(connection);
  }
  connection.deadlineMs = dueMs;
  node.deadlines.add(connection);
}

/** After a turn's writes: whether a frame is partial, and since when. */
export function watchFrame(node: Node, connection: Connection): void {
  if (connection.paused || connection.incoming.unparsed === 0) {
    connection.frameMs = NEVER;
  } else if (connection.frameMs === NEVER) {
    connection.frameMs = node.loopMs;
    connection.settled = false;
    watch(node, connection);
  }
}

function nextDueMs(node: Node, connection: Connection): number {
  const { idleMs, helloMs, writeMs } = node.start.connections;
  let dueMs = Math.min(connection.lingerUntilMs, connection.stalledMs + writeMs);
  if (!node.door.sessionAt(connection.slot).helloSaid) {
    dueMs = Math.min(dueMs, connection.openedMs + helloMs);
  }
  if (connection.frameMs !== NEVER && !connection.held) {
    const requestMs = requestPatienceMs(node, connection);
    const patienceMs = connection.settled ? requestMs : Math.min(SETTLE_MS, requestMs);
    return Math.min(dueMs, connection.frameMs + patienceMs);
  }
  const sinceMs = isIdle(node, connection) ? connection.activeMs : node.loopMs;
  return Math.min(dueMs, sinceMs + idleMs);
}

/** For the partial frame, from its first byte: what has come of it earns it more. */
function requestPatienceMs(node: Node, { incoming }: Connection): number {
  return node.start.connections.requestMs + REQUEST_MS_PER_MIB * incoming.unparsed / MiB;
}

/** Nothing is asked for, nothing is owed, nothing is on its way. */
function isIdle(node: Node, connection: Connection): boolean {
  if (connection.paused || connection.held || connection.frameMs !== NEVER) return false;
  return connection.outgoing.isEmpty && node.door.sessionAt(connection.slot).isQuiet;
}

/** Whether the peer has read nothing for too long. */
export function isStalled(node: Node, connection: Connection): boolean {
  return connection.stalledMs + node.start.connections.writeMs <= node.loopMs;
}

/** Why the connection must end now, or null. A partial frame that waits is settled by the way. */
export function overdue(node: Node, connection: Connection): CloseReason | null {
  const { loopMs } = node;
  const { idleMs, helloMs } = node.start.connections;
  const session = node.door.sessionAt(connection.slot);
  if (connection.lingerUntilMs <= loopMs) {
    if (session.outstanding === 0) return "refused";
    connection.lingerUntilMs = loopMs + LINGER_MS;
  }
  if (isStalled(node, connection)) return "write";
  if (!session.helloSaid && connection.openedMs + helloMs <= loopMs) return "hello";
  if (connection.frameMs !== NEVER && !connection.held) {
    if (connection.frameMs + requestPatienceMs(node, connection) <= loopMs) return "request";
    if (!connection.settled && connection.frameMs + SETTLE_MS <= loopMs) {
      connection.incoming.settle();
      connection.settled = true;
    }
    return null;
  }
  const isOver = connection.activeMs + idleMs <= loopMs && isIdle(node, connection);
  return isOver ? "idle" : null;
}
