/**
 * The clients that are connected, as operators see them, and ending one of them. Asked while frames
 * are executed, it ends after the turn has sent: replies that are due go out, also to whoever ends
 * its own connection.
 */

import type { ReplyOf } from "../native/operations.ts";
import { type Connection, ConnectionState } from "../net/connection.ts";
import { closeConnection } from "./connections.ts";
import { type Node, Slot } from "./node.ts";

type Entry = ReplyOf<"connections">["connections"][number];

/** Connections of the native listener, by their ids. Not those of the main thread. */
export function listConnections(node: Node): Entry[] {
  return clients(node).map((connection) => describe(node, connection))
    .sort((a, b) => a.id - b.id);
}

/** Has a connection closed at the end of the turn. False: there is none of this id. */
export function askClose(node: Node, id: number): boolean {
  if (!clients(node).some((connection) => connection.id === id)) return false;
  node.toClose.add(id);
  return true;
}

/** `node.toClose` is not empty. */
export function closeAsked(node: Node): void {
  for (const connection of clients(node)) {
    if (node.toClose.has(connection.id)) closeConnection(node, connection, "operator");
  }
  node.toClose.clear();
}

/** Address of the peer of an open connection, or null. */
export function peerOf(node: Node, { fd }: Connection): { host: string; port: number } | null {
  const peer = node.libc.getpeername(fd);
  return typeof peer === "number" || peer.family === "unix" ? null : peer;
}

function clients(node: Node): Connection[] {
  return node.connections.filter(({ state, listener }) => {
    return state !== ConnectionState.free && listener === Slot.native;
  });
}

function describe(node: Node, connection: Connection): Entry {
  const peer = peerOf(node, connection);
  const host = peer?.host.includes(":") ? `[${peer.host}]` : peer?.host;
  return {
    id: connection.id,
    listener: "native",
    peer: peer === null ? "" : `${host}:${peer.port}`,
    clientName: node.door.sessionAt(connection.slot).clientName,
    sinceMs: Math.floor(connection.sinceWallMs),
    lastRequestMs: Math.floor(connection.lastRequestWallMs),
    requests: connection.requests,
    bytesIn: connection.receivedBytes,
    bytesOut: connection.sentBytes,
  };
}
