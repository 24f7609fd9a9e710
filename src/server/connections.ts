/**
 * The life of connections in a turn: accept, receive, dispatch their frames, send, close. Hot.
 *
 * Invariant: between `dispatchFrames` and the end of `writeAll` no receive buffer is given back:
 * staged batches lie there.
 */

import { EAGAIN, EINTR, MSG_DONTWAIT, SHUT_WR } from "../../ffi/constants.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import {
  dispatchFrame,
  MUST_CLOSE,
  NEEDS_BYTES,
  partialFrameSize,
  PAUSED,
} from "../native/dispatch.ts";
import { Session } from "../native/session.ts";
import { Connection, ConnectionState } from "../net/connection.ts";
import { accept } from "../net/listener.ts";
import { PEER_CLOSED } from "../net/receive_buffer.ts";
import { sendReply, SENT_ALL, SENT_PART } from "../net/send_queue.ts";
import { type Node, Slot } from "./node.ts";

/** How long a refused client may take to read why. */
const LINGER_MS = 1000;
/** New connections that one turn takes from a listener. */
const ACCEPTS_PER_TURN = 64;

/** New connections of the listeners that are ready. */
export function acceptAll(node: Node, ready: number): void {
  for (let event = 0; event < ready; event += 1) {
    const slot = node.poller.events.slot(event);
    if (slot === Slot.native || slot === Slot.control) acceptFrom(node, slot);
  }
}

function acceptFrom(node: Node, listener: number): void {
  if (node.stopping !== null) return;
  for (let i = 0; i < ACCEPTS_PER_TURN; i += 1) {
    const fd = accept(node.libc, node.listeners[listener]!);
    if (fd < 0) return;
    if (node.openConnections >= CONNECTIONS_MAX) {
      node.libc.close(fd);
      continue;
    }
    openConnection(node, fd, listener);
  }
}

function openConnection(node: Node, fd: number, listener: number): void {
  const slot = node.freeSlots.pop() ?? Slot.connections + node.connections.length;
  let connection = node.connectionAt(slot);
  if (connection === undefined) {
    connection = new Connection(slot, node.receivePool, node.replyPool);
    node.connections.push(connection);
  }
  connection.open(fd, listener);
  const { generation, outgoing } = connection;
  node.openConnections += 1;
  node.counters.accepted += 1;
  if (node.poller.add(fd, slot, generation) < 0) {
    closeConnection(node, connection);
    return;
  }
  node.door.open(new Session(slot, generation, outgoing, listener === Slot.control));
}

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
    else if (connection.paused && node.poller.isGone(event)) closeConnection(node, connection);
    else if (connection.paused) armRead(node, connection, false);
    else receive(node, connection);
  }
}

function receive(node: Node, connection: Connection): void {
  const took = connection.incoming.receive(node.libc, connection.fd);
  node.counters.receives += 1;
  if (took > 0) {
    node.counters.receivedBytes += took;
    node.queueDispatch(connection);
  } else if (took === PEER_CLOSED) {
    peerClosed(node, connection);
  } else if (took !== -EAGAIN && took !== -EINTR) {
    closeConnection(node, connection);
  }
}

/** The peer sends no more. What it asked for is still answered. */
function peerClosed(node: Node, connection: Connection): void {
  const session = node.door.sessionAt(connection.slot);
  for (const handle of session.handles) {
    if (handle.parked === null) continue;
    node.broker.cancel(handle.parked);
    session.end(handle);
  }
  node.door.dropSubscriptions(connection.slot);
  connection.drain();
  armRead(node, connection, false);
  node.queueSend(connection);
}

/**
 * What a refused client still sends is read and dropped: unread bytes would reset the connection.
 */
function discard(node: Node, connection: Connection): void {
  const block = node.store.scratch;
  const took = node.libc.recv(connection.fd, block, 0, block.size, MSG_DONTWAIT);
  if (took > 0 || took === -EAGAIN || took === -EINTR) return;
  closeConnection(node, connection);
}

/** Executes the frames of the connections that received some or may go on. */
export function dispatchFrames(node: Node): void {
  const list = node.toDispatch;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    connection.dispatchQueued = false;
    if (connection.state !== ConnectionState.open) continue;
    if (node.stopping !== null && connection.listener !== Slot.control) continue;
    dispatchConnection(node, connection);
  }
}

function dispatchConnection(node: Node, connection: Connection): void {
  const { incoming } = connection;
  if (incoming.block === null) return;
  const session = node.door.sessionAt(connection.slot);
  connection.paused = false;
  for (;;) {
    const { block, parsed, received } = incoming;
    const size = dispatchFrame(node.door, session, block!, parsed, received);
    if (size > 0) {
      incoming.consume(size);
      continue;
    }
    connection.paused = size === PAUSED;
    if (size === NEEDS_BYTES) {
      incoming.frameSize = partialFrameSize();
      if (!connection.readArmed) armRead(node, connection, true);
    }
    if (size === MUST_CLOSE) refuseConnection(node, connection);
    return;
  }
}

/** An error reply is queued; then the connection ends, with time to read it. */
function refuseConnection(node: Node, connection: Connection): void {
  node.door.dropSubscriptions(connection.slot);
  connection.drain();
  if (!connection.readArmed) armRead(node, connection, true);
  connection.lingerUntilMs = node.nowMs + LINGER_MS;
  node.lingering.push(connection);
}

/** After the turn's writes: parsed frames are no longer needed. */
export function compactReceived(node: Node): void {
  const list = node.toDispatch;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    if (connection.state !== ConnectionState.free) connection.incoming.compact();
  }
  list.length = 0;
}

/** Sends what the turn's replies hold, one `send` per connection and stretch of memory. */
export function sendAll(node: Node): void {
  const list = node.toSend;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    connection.sendQueued = false;
    if (connection.state !== ConnectionState.free) send(node, connection);
  }
  list.length = 0;
}

function send(node: Node, connection: Connection): void {
  const { fd, outgoing } = connection;
  const result = sendReply(node.libc, fd, outgoing, node.sendCounters);
  if (result === SENT_PART) {
    if (!connection.writeArmed) armWrite(node, connection, true);
    return;
  }
  if (result !== SENT_ALL) {
    closeConnection(node, connection);
    return;
  }
  if (connection.writeArmed) armWrite(node, connection, false);
  if (connection.paused) node.queueDispatch(connection);
  node.door.roomAgain(connection.slot);
  if (connection.state !== ConnectionState.draining) return;
  if (node.door.sessionAt(connection.slot).outstanding > 0) return;
  if (connection.lingerUntilMs === 0) closeConnection(node, connection);
  else node.libc.shutdown(fd, SHUT_WR);
}

/** Ends refused connections whose time to read is over. */
export function endLingering(node: Node): void {
  const list = node.lingering;
  let kept = 0;
  for (let i = 0; i < list.length; i += 1) {
    const connection = list[i]!;
    if (connection.lingerUntilMs === 0) continue;
    if (connection.lingerUntilMs <= node.nowMs) {
      closeConnection(node, connection);
    } else {
      list[kept] = connection;
      kept += 1;
    }
  }
  list.length = kept;
}

export function closeConnection(node: Node, connection: Connection): void {
  const { fd, slot } = connection;
  node.door.close(slot);
  node.poller.remove(fd);
  node.libc.close(fd);
  connection.free();
  node.freeSlots.push(slot);
  node.openConnections -= 1;
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
