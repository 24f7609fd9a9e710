/**
 * The life of connections in a turn: receive, dispatch their frames, send, close. Hot.
 *
 * Fair: a turn gives each connection one `recv`, FRAMES_PER_TURN frames and about SEND_TURN_BYTES
 * of its replies; whoever has more goes on in the next. Bounded: a connection that may take no more
 * is not read (*paused*: its replies wait, or its frames wait for one another; *held*: memory is
 * short); nothing that was taken is dropped.
 *
 * Invariant: between `dispatchFrames` and the end of `writeAll` no receive buffer is given back:
 * staged batches lie there.
 */

import { shorten } from "../base/shorten.ts";
import { EAGAIN, EINTR, MSG_DONTWAIT, SHUT_WR } from "../../ffi/constants.ts";
import { FRAMES_PER_TURN, RECEIVE_SIZE, REPLY_BYTES_PAUSE } from "../limits.ts";
import {
  dispatchFrame,
  MUST_CLOSE,
  NEEDS_BYTES,
  partialFrameSize,
  PAUSED,
} from "../native/dispatch.ts";
import { type Connection, ConnectionState, NEVER } from "../net/connection.ts";
import { PEER_CLOSED } from "../net/receive_buffer.ts";
import { sendReply, SENT_ALL, SENT_COLD, SENT_PART, SENT_SHARE } from "../net/send_queue.ts";
import { sliceGuard, waitForSlice } from "./cold_sends.ts";
import type { CloseReason } from "./connection_counters.ts";
import { type Node, Slot } from "./node.ts";
import { isStalled, LINGER_MS, overdue, watch, watchFrame } from "./patience.ts";

/** One `recv` for every connection that is ready. */
export function receiveAll(node: Node, ready: number): void {
  for (let event = 0; event < ready; event += 1) {
    const slot = node.poller.events.slot(event);
    if (slot < Slot.connections) continue;
    const connection = node.connectionAt(slot)!;
    if (connection.state === ConnectionState.free) continue;
    if (connection.generation !== node.poller.events.generation(event)) continue;
    if (node.poller.writable(event)) {
      node.queueSend(connection);
      node.door.roomAgain(slot);
    }
    if (!node.poller.readable(event)) continue;
    if (connection.state === ConnectionState.draining) discard(node, connection);
    else if (!connection.paused && !connection.held) receive(node, connection);
    else if (node.poller.isGone(event)) closeConnection(node, connection, "peer");
    else armRead(node, connection, false);
  }
}

function receive(node: Node, connection: Connection): void {
  const { incoming } = connection;
  const wanted = incoming.wantedSize;
  if (wanted > 0) {
    if (!node.receiveBudget.admits(connection, wanted)) return waitForRoom(node, connection);
    incoming.grow(wanted);
  }
  const took = incoming.receive(node.libc, connection.fd);
  node.counters.receives += 1;
  if (took > 0) {
    node.counters.receivedBytes += took;
    connection.receivedBytes += took;
    connection.activeMs = node.loopMs;
    node.queueDispatch(connection);
  } else if (took === PEER_CLOSED) {
    peerClosed(node, connection);
  } else if (took !== -EAGAIN && took !== -EINTR) {
    closeConnection(node, connection, "error");
  }
}

/** Its frame is large and memory is short: others finish theirs first. */
function waitForRoom(node: Node, connection: Connection): void {
  node.receiveBudget.wait(connection);
  connection.held = true;
  armRead(node, connection, false);
}

/** Those that wait for room and may have it now are read again; the time they waited is theirs. */
export function admitWaiting(node: Node): void {
  for (;;) {
    const connection = node.receiveBudget.next();
    if (connection === null) return;
    connection.incoming.grow(connection.incoming.wantedSize);
    connection.held = false;
    connection.frameMs = node.loopMs;
    armRead(node, connection, true);
    watch(node, connection);
  }
}

/** The peer sends no more. What it asked for is still answered. */
function peerClosed(node: Node, connection: Connection): void {
  endWaiting(node, connection);
  connection.incoming.release();
  connection.frameMs = NEVER;
  connection.drain();
  armRead(node, connection, false);
  node.queueSend(connection);
}

/** What may never come is not waited for: parked fetches and subscriptions end without a word. */
function endWaiting(node: Node, { slot }: Connection): void {
  const session = node.door.sessionAt(slot);
  for (const handle of session.handles) {
    if (handle === undefined || handle.parked === null) continue;
    node.broker.cancel(handle.parked);
    session.end(handle);
  }
  node.door.dropSubscriptions(slot);
}

/**
 * What a refused client still sends is read and dropped: unread bytes would reset the connection.
 */
function discard(node: Node, connection: Connection): void {
  const block = node.store.scratch;
  const took = node.libc.recv(connection.fd, block, 0, block.size, MSG_DONTWAIT);
  if (took > 0 || took === -EAGAIN || took === -EINTR) return;
  closeConnection(node, connection, connection.lingerUntilMs === NEVER ? "peer" : "refused");
}

/** Executes the frames of the connections that received some or may go on. */
export function dispatchFrames(node: Node): void {
  const list = node.toDispatch;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    connection.dispatchQueued = false;
    if (connection.state === ConnectionState.open) dispatchConnection(node, connection);
  }
}

function dispatchConnection(node: Node, connection: Connection): void {
  const { incoming } = connection;
  if (incoming.block === null) return;
  const session = node.door.sessionAt(connection.slot);
  const isTight = node.replyPool.lentBytes > node.start.connections.sendBudgetBytes;
  node.door.replyBytesPause = isTight ? 0 : REPLY_BYTES_PAUSE;
  connection.paused = false;
  for (let frames = 0; frames < FRAMES_PER_TURN; frames += 1) {
    const { block, parsed, received } = incoming;
    const size = dispatchFrame(node.door, session, block!, parsed, received);
    if (size > 0) {
      incoming.consume(size);
      connection.requests += 1;
      connection.lastRequestWallMs = node.store.wallMs;
      connection.frameMs = NEVER;
      continue;
    }
    if (session.helloSaid) incoming.blockSize = RECEIVE_SIZE;
    connection.paused = size === PAUSED;
    if (size === NEEDS_BYTES) {
      incoming.frameSize = partialFrameSize();
      if (!connection.readArmed) armRead(node, connection, true);
    }
    if (size === MUST_CLOSE) refuseConnection(node, connection);
    return;
  }
  // Its share is used up. With nothing left there is no frame that could end the pause.
  connection.paused = incoming.unparsed > 0;
  connection.yielded = connection.paused;
  if (!connection.paused && !connection.readArmed) armRead(node, connection, true);
}

/** What made connections pause is over: each looks whether it may go on. */
export function resumePaused(node: Node): void {
  for (const connection of node.connections) {
    if (connection.state === ConnectionState.open && connection.paused) {
      node.queueDispatch(connection);
    }
  }
}

/** The connection ends, with time to read what is queued. */
function refuseConnection(node: Node, connection: Connection): void {
  endWaiting(node, connection);
  connection.drain();
  if (!connection.readArmed) armRead(node, connection, true);
  connection.lingerUntilMs = node.loopMs + LINGER_MS;
  watch(node, connection);
}

/** After the turn's writes: parsed frames are no longer needed. Who yielded is the next first. */
export function compactReceived(node: Node): void {
  const list = node.toDispatch;
  const { isTight } = node.receiveBudget;
  let kept = 0;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    if (connection.state === ConnectionState.free) continue;
    const { incoming } = connection;
    if (connection.state === ConnectionState.draining) incoming.release();
    else incoming.compact();
    watchFrame(node, connection);
    const { block } = incoming;
    if (isTight && block !== null && block.size <= RECEIVE_SIZE) incoming.settle();
    if (!connection.yielded) continue;
    connection.yielded = false;
    connection.dispatchQueued = true;
    list[kept] = connection;
    kept += 1;
  }
  shorten(list, kept);
}

/** Sends what the turn's replies hold, one `send` per connection and stretch of memory. */
export function sendAll(node: Node): void {
  const list = node.toSend;
  let kept = 0;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    connection.sendQueued = false;
    if (connection.state === ConnectionState.free || !send(node, connection)) continue;
    connection.sendQueued = true;
    list[kept] = connection;
    kept += 1;
  }
  shorten(list, kept);
}

/** Whether more can be sent, in the next turn. */
function send(node: Node, connection: Connection): boolean {
  const { fd, outgoing } = connection;
  if (connection.waitsForDisk) return false;
  const before = outgoing.pendingBytes;
  const guard = sliceGuard(node, connection);
  const result = sendReply(node.libc, fd, outgoing, node.sendCounters, guard);
  if (outgoing.pendingBytes < before) {
    connection.sentBytes += before - outgoing.pendingBytes;
    connection.diskWaits = 0;
    connection.activeMs = node.loopMs;
    if (connection.stalledMs !== NEVER) connection.stalledMs = node.loopMs;
  }
  if (result === SENT_SHARE) return true;
  if (result === SENT_COLD) {
    if (connection.writeArmed) armWrite(node, connection, false);
    connection.stalledMs = NEVER; // it is not the peer that is slow
    waitForSlice(node, connection);
    return false;
  }
  if (result === SENT_PART) {
    if (!connection.writeArmed) waitForPeer(node, connection);
    return false;
  }
  if (result !== SENT_ALL) {
    closeConnection(node, connection, "error");
    return false;
  }
  connection.stalledMs = NEVER;
  if (connection.writeArmed) armWrite(node, connection, false);
  if (connection.paused) node.queueDispatch(connection);
  node.door.roomAgain(connection.slot);
  if (connection.state !== ConnectionState.draining) return false;
  if (node.door.sessionAt(connection.slot).outstanding > 0) return false;
  if (connection.lingerUntilMs === NEVER) closeConnection(node, connection, "peer");
  else node.libc.shutdown(fd, SHUT_WR);
  return false;
}

function waitForPeer(node: Node, connection: Connection): void {
  armWrite(node, connection, true);
  connection.outgoing.fit();
  connection.stalledMs = node.loopMs;
  watch(node, connection);
}

/** Ends the connections whose time is over. */
export function expireConnections(node: Node): void {
  for (;;) {
    const connection = node.deadlines.first();
    if (connection === null || connection.deadlineMs > node.loopMs) return;
    node.deadlines.remove(connection);
    // The poller speaks when a third of the socket is free; one last try sees any byte of it.
    if (isStalled(node, connection) && send(node, connection)) node.queueSend(connection);
    if (connection.state === ConnectionState.free) continue;
    const reason = overdue(node, connection);
    if (reason === null) watch(node, connection);
    else closeConnection(node, connection, reason);
  }
}

export function closeConnection(node: Node, connection: Connection, reason: CloseReason): void {
  const { fd, slot, listener, peerHost } = connection;
  node.receiveBudget.forget(connection);
  if (connection.waitsForDisk) node.coldReads.forgetSend(slot);
  if (connection.heapIndex >= 0) node.deadlines.remove(connection);
  if (peerHost !== "") {
    const left = node.perAddress.get(peerHost)! - 1;
    if (left > 0) node.perAddress.set(peerHost, left);
    else node.perAddress.delete(peerHost);
  }
  node.door.close(slot);
  node.poller.remove(fd);
  node.libc.close(fd);
  connection.free();
  node.freeSlots.push(slot);
  node.openConnections -= 1;
  if (listener === Slot.native) node.clients -= 1;
  node.connectionCounters.closed[reason] += 1;
}

function armRead(node: Node, connection: Connection, armed: boolean): void {
  if (connection.readArmed === armed) return;
  connection.readArmed = armed;
  arm(node, connection);
}

function armWrite(node: Node, connection: Connection, armed: boolean): void {
  connection.writeArmed = armed;
  arm(node, connection);
}

function arm(node: Node, connection: Connection): void {
  const { fd, slot, generation, readArmed, writeArmed } = connection;
  node.poller.change(fd, slot, generation, readArmed, writeArmed);
}
