/**
 * What the turn does for cold reads: fetches whose bytes have come are answered, connections that
 * stopped in a slice go on, and the background worker gets its next pieces. Hot.
 */

import { answerCold } from "../broker/cold_answers.ts";
import { COLD_TRIES_MAX } from "../limits.ts";
import type { Connection } from "../net/connection.ts";
import { partSize, type SliceGuard } from "../net/send_queue.ts";
import { closeConnection } from "./connections.ts";
import type { Node } from "./node.ts";

/** Before the turn's sends. */
export function serveColdReads(node: Node): void {
  const { coldReads } = node;
  answerCold(node.broker, node.nowMs, node.door);
  const { readyToSend } = coldReads;
  for (let i = 0; i < readyToSend.length; i += 3) {
    const connection = node.connectionAt(readyToSend[i]!)!;
    if (connection.generation !== readyToSend[i + 1]!) continue; // it was closed
    if (!connection.waitsForDisk) continue;
    connection.waitsForDisk = false;
    // The length of the slice is promised: without its bytes the connection must end.
    if (readyToSend[i + 2]! < 0) closeConnection(node, connection, "error");
    else node.queueSend(connection);
  }
  readyToSend.length = 0;
}

/** Who is asked before the connection goes on in a slice; null: it may wait for the disk. */
export function sliceGuard(node: Node, connection: Connection): SliceGuard | null {
  const { isGuarding, residency } = node.coldReads;
  return isGuarding && connection.diskWaits < COLD_TRIES_MAX ? residency : null;
}

/** The connection stopped in a slice: it goes on when the next part has been read. */
export function waitForSlice(node: Node, connection: Connection): void {
  const { slot, generation, outgoing } = connection;
  const { sliceFile, slicePosition } = outgoing;
  connection.waitsForDisk = true;
  connection.diskWaits += 1;
  node.coldReads.waitToSend(slot, generation, sliceFile, slicePosition, partSize(outgoing));
}

/** After them. */
export function readAhead(node: Node): void {
  node.coldReads.pump(node.syncer.inFlight);
}
