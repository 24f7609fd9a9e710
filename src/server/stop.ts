/**
 * Stopping a shard: listeners close, waiting fetches are answered, everything written is synced,
 * then the request to stop is answered and the loop ends.
 *
 *     running -> stopping: sync all, send what is queued -> answer -> index files -> loop ends
 *
 * Invariant: the answer to stop goes out only when every byte of every partition is on disk, those
 * that are broken excepted; then the directory is not marked clean (`isClean`).
 */

import { completeAllFetches } from "../broker/fetch.ts";
import { ConnectionState } from "../net/connection.ts";
import { controlOperation } from "../native/control_operations.ts";
import { replyBody } from "../native/replies.ts";
import { closeConnection, sendAll } from "./connections.ts";
import { type Node, Slot } from "./node.ts";

/** How long clients may take to read what is queued for them. */
const SEND_PATIENCE_MS = 2000;

const STOP = controlOperation("stop");

export function beginStop(
  node: Node,
  slot: number,
  generation: number,
  correlation: number,
): void {
  if (node.stopping !== null) return;
  node.stopping = { slot, generation, correlation, deadlineMs: node.nowMs + SEND_PATIENCE_MS };
  const native = node.listeners[Slot.native]!;
  node.poller.remove(native.fd);
  node.libc.close(native.fd);
  completeAllFetches(node.broker, node.door);
  for (const partition of node.broker.topics.partitions) {
    if (!partition.log.isSynced) node.broker.queueUnsynced(partition, 0);
  }
}

/** Goes on stopping: ends the loop when nothing is left to do. */
export function continueStop(node: Node): void {
  const stopping = node.stopping!;
  for (const partition of node.broker.topics.partitions) {
    if (!partition.log.isSynced && !partition.log.broken) return;
  }
  const patience = node.nowMs < stopping.deadlineMs;
  if (patience && node.connections.some((connection) => !connection.outgoing.isEmpty)) return;
  for (const partition of node.broker.topics.partitions) partition.log.close();
  const session = node.door.session(stopping.slot, stopping.generation);
  if (session !== null) {
    replyBody(session, stopping.correlation, STOP.version, STOP.reply, {});
    node.queueSend(node.connectionAt(stopping.slot)!);
  }
  node.running = false;
}

/** Whether all is on disk: a broken partition holds what a failed write or sync left behind. */
export function isClean(node: Node): boolean {
  return node.broker.topics.partitions.every(({ log }) => !log.broken);
}

/** After the loop: the last answer goes out, and every descriptor of the shard is closed. */
export function closeNode(node: Node): void {
  sendAll(node);
  for (const connection of node.connections) {
    if (connection.state !== ConnectionState.free) closeConnection(node, connection);
  }
  node.libc.close(node.listeners[Slot.control]!.fd);
  node.store.closeAll();
  node.syncer.close();
  node.poller.close();
  node.background.stop();
}
