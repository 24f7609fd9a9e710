/**
 * New connections: as many as the limits allow, and a clear end for the others.
 *
 *     accept -> more than all may be? -> more than this address may have? -> slot, poller, session
 *                      \------------------------\-> closed at once, counted
 *
 * Descriptors that storage may need are never given to connections. When the process has none left
 * all the same, the reserve (net/reserve.ts) tells clients so, and after that the listener rests.
 *
 * Invariant: `openConnections`, `clients` (those of the native listener) and `perAddress` count
 * what is open, and nothing else.
 */

import {
  EAGAIN,
  ECONNABORTED,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPROTO,
} from "../../ffi/constants.ts";
import { DESCRIPTORS_SPARE, FRAME_SIZE_MAX_BEFORE_HELLO, OPEN_SEALED_MAX } from "../limits.ts";
import { Session } from "../native/session.ts";
import { Connection } from "../net/connection.ts";
import { accept } from "../net/listener.ts";
import { closeConnection } from "./connections.ts";
import { type Node, Slot } from "./node.ts";
import { watch } from "./patience.ts";

/** New connections that one turn takes from a listener. */
const ACCEPTS_PER_TURN = 64;
/** A listener without a descriptor to spare is left alone so long. */
const REST_MS = 100;

/** What no longer is a connection by the time it is accepted. */
const GONE: readonly number[] = [-EINTR, -ECONNABORTED, -EPROTO];
const NO_ROOM: readonly number[] = [-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM];

/** New connections of the listeners that are ready. */
export function acceptAll(node: Node, ready: number): void {
  if (node.acceptAgainMs <= node.loopMs) restListeners(node, false);
  for (let event = 0; event < ready; event += 1) {
    const slot = node.poller.events.slot(event);
    if (slot === Slot.native || slot === Slot.control) acceptFrom(node, slot);
  }
}

function acceptFrom(node: Node, slot: number): void {
  if (node.stopping !== null) return;
  const listener = node.listeners[slot]!;
  for (let i = 0; i < ACCEPTS_PER_TURN; i += 1) {
    const fd = accept(node.libc, listener);
    if (fd >= 0) {
      admit(node, fd, slot);
    } else if (NO_ROOM.includes(fd)) {
      if (!node.reserve.refuse(listener)) return restListeners(node, true);
      node.connectionCounters.refusedDescriptors += 1;
    } else if (fd === -EAGAIN || !GONE.includes(fd)) {
      return;
    }
  }
}

/** How many clients may be connected now: partitions and open segments come first. */
export function connectionsMax(node: Node): number {
  const { connections, descriptorsMax } = node.start;
  const others = node.broker.topics.count + OPEN_SEALED_MAX + DESCRIPTORS_SPARE;
  return Math.min(connections.max, descriptorsMax - others);
}

function admit(node: Node, fd: number, listener: number): void {
  if (listener === Slot.control) return openConnection(node, fd, listener, "");
  if (node.clients >= connectionsMax(node)) {
    node.libc.close(fd);
    node.connectionCounters.refusedLimit += 1;
    return;
  }
  const { perAddressMax } = node.start.connections;
  if (perAddressMax === 0) return openConnection(node, fd, listener, "");
  const peer = node.libc.getpeername(fd);
  const host = typeof peer !== "number" && peer.family !== "unix" ? peer.host : "";
  const count = node.perAddress.get(host) ?? 0;
  if (host === "" || count >= perAddressMax) {
    node.libc.close(fd);
    node.connectionCounters.refusedAddress += 1;
    return;
  }
  node.perAddress.set(host, count + 1);
  openConnection(node, fd, listener, host);
}

function openConnection(node: Node, fd: number, listener: number, host: string): void {
  const slot = node.freeSlots.pop() ?? Slot.connections + node.connections.length;
  let connection = node.connectionAt(slot);
  if (connection === undefined) {
    connection = new Connection(slot, node.receivePool, node.replyPool);
    node.connections.push(connection);
  }
  connection.open(fd, listener, node.loopMs);
  connection.peerHost = host;
  connection.id = node.nextConnectionId;
  node.nextConnectionId += 1;
  connection.sinceWallMs = node.store.wallMs;
  connection.incoming.blockSize = FRAME_SIZE_MAX_BEFORE_HELLO;
  const { generation, outgoing } = connection;
  node.openConnections += 1;
  if (listener === Slot.native) node.clients += 1;
  node.connectionCounters.accepted += 1;
  node.door.open(new Session(slot, generation, outgoing, listener === Slot.control));
  if (node.poller.add(fd, slot, generation) < 0) closeConnection(node, connection, "error");
  else watch(node, connection);
}

/** Until there may be room again nobody is accepted; clients wait in the kernel's queue. */
function restListeners(node: Node, rest: boolean): void {
  node.acceptAgainMs = rest ? node.loopMs + REST_MS : Infinity;
  if (node.stopping !== null) return;
  for (const slot of [Slot.native, Slot.control]) {
    node.poller.change(node.listeners[slot]!.fd, slot, 0, !rest, false);
  }
}
