/**
 * Stopping a shard: listeners close, waiting fetches are answered, subscriptions end, everything
 * written is synced, then the request to stop is answered and the loop ends.
 *
 *     running -> stopping: sync all, send what is queued -> answer -> index files -> loop ends
 *
 * A client whose request comes after that hears `shutting_down` and then the end of its connection;
 * who does not read is waited for only so long.
 *
 * Invariant: the answer to stop goes out only when every byte of every partition is on disk, those
 * that are broken excepted; then the directory is not marked clean (`isClean`).
 */

import { completeAllFetches } from "../broker/fetch.ts";
import { refuseLogStarts } from "../broker/log_starts.ts";
import { refuseLookups } from "../broker/offset_for_time.ts";
import { endSubscriptions } from "../broker/subscriptions.ts";
import { ErrorCodes } from "../format/errors.ts";
import type { CheckpointEntry } from "../log/keeper.ts";
import { MSG_DONTWAIT, SHUT_WR } from "../../ffi/constants.ts";
import { type Connection, ConnectionState, NEVER } from "../net/connection.ts";
import { controlOperation } from "../native/control_operations.ts";
import { refuseProducers } from "../native/handlers/producer_ids.ts";
import { replyBody } from "../native/replies.ts";
import { closeConnection, sendAll } from "./connections.ts";
import { type Node, Slot } from "./node.ts";

/** How long clients may take to read what is queued for them. */
const SEND_PATIENCE_MS = 2000;

/** So often a connection's unread bytes are taken before it is closed. */
const UNREAD_RECEIVES_MAX = 64;

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
  node.door.stopping = true;
  completeAllFetches(node.broker, node.door);
  refuseLookups(node.broker, null, ErrorCodes.shutting_down, node.door);
  node.broker.offsets.refuseWaiting(node.door);
  refuseProducers(node.door, ErrorCodes.shutting_down, "");
  for (const partition of node.broker.topics.partitions) {
    if (partition.removed) continue;
    // Main answers no more; what it has on disk by then counts all the same.
    refuseLogStarts(partition, ErrorCodes.shutting_down, node.door);
    endSubscriptions(node.broker, partition, ErrorCodes.shutting_down, node.door);
    if (!partition.log.isSynced) node.broker.queueUnsynced(partition, 0);
  }
}

/** Goes on stopping: ends the loop when nothing is left to do. */
export function continueStop(node: Node): void {
  const stopping = node.stopping!;
  let waiting = node.addedTopics.length > 0;
  for (const partition of node.broker.topics.partitions) {
    const { log, removed } = partition;
    // Syncs in flight still report, whatever became of the partition: they know open files.
    if (log.syncsPending === 0 && (removed || log.broken || log.isSynced)) continue;
    waiting = true;
    // What this turn wrote at level os asks for no sync by itself.
    if (!removed) node.broker.queueUnsynced(partition, 0);
  }
  if (waiting) {
    // What a slow disk takes is not the clients': their answers come with its last sync.
    stopping.deadlineMs = node.nowMs + SEND_PATIENCE_MS;
    return;
  }
  const patience = node.nowMs < stopping.deadlineMs;
  if (patience && node.connections.some(isBusy)) return;
  for (const { log, removed } of node.broker.topics.partitions) if (!removed) log.close();
  const session = node.door.session(stopping.slot, stopping.generation);
  if (session !== null) {
    replyBody(session, stopping.correlation, STOP.version, STOP.reply, {});
    node.queueSend(node.connectionAt(stopping.slot)!);
  }
  node.running = false;
}

/** It has not yet taken its answers, or not yet heard that it is refused. */
function isBusy({ state, outgoing, lingerUntilMs }: Connection): boolean {
  if (state === ConnectionState.free) return false;
  return !outgoing.isEmpty || lingerUntilMs !== NEVER;
}

/**
 * Whether all is on disk and whole: a broken partition holds what a failed write or sync left
 * behind, and a degraded one must be found degraded again.
 */
export function isClean(node: Node): boolean {
  return node.broker.topics.partitions.every(({ log, removed }) => {
    return removed || (!log.broken && log.degraded === "");
  });
}

/** Up to where the partitions are on disk, for the checkpoint files; after the loop. */
export function lastCheckpoint(node: Node): CheckpointEntry[] {
  const partitions = node.broker.topics.partitions.filter(({ log, removed }) => {
    return !removed && !log.broken;
  });
  return partitions.map(({ topic, index, log }) => {
    const { recoveryPoint, logStart } = log;
    return { topic: topic.name, topicId: topic.topicId, partition: index, recoveryPoint, logStart };
  });
}

/** After the loop: the last answer goes out, and every descriptor of the shard is closed. */
export function closeNode(node: Node): void {
  sendAll(node);
  for (const connection of node.connections) {
    if (connection.state === ConnectionState.free) continue;
    letGo(node, connection);
    closeConnection(node, connection, "stop");
  }
  node.libc.close(node.listeners[Slot.control]!.fd);
  closeParts(node);
  node.syncer.close();
  node.background.stop();
}

/** Of a node that has not served, and will not: every descriptor is closed, nothing is written. */
export function discardNode(node: Node): void {
  for (const { fd } of node.listeners) node.libc.close(fd);
  for (const partition of node.broker.topics.partitions) partition.log.abandon();
  closeParts(node);
  node.syncer.discard();
  node.background.stop();
}

function closeParts(node: Node): void {
  node.reserve.close();
  node.processCounters.close();
  node.coldReads.close();
  node.background.end();
  node.store.closeAll();
  node.poller.close();
}

/** Unread bytes would make the end a reset, and that could overtake the last answers. */
function letGo({ libc, store }: Node, { fd }: Connection): void {
  const { scratch } = store;
  libc.shutdown(fd, SHUT_WR);
  for (let i = 0; i < UNREAD_RECEIVES_MAX; i += 1) {
    if (libc.recv(fd, scratch, 0, scratch.size, MSG_DONTWAIT) <= 0) return;
  }
}
