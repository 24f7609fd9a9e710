/**
 * Many clients at once through libc, for tests that misbehave by the hundred: sockets that do not
 * block, and of which nobody reads what comes back unless it is asked for.
 */
import assert from "node:assert/strict";
import { libc } from "#ffi";
import {
  AF_INET,
  EAGAIN,
  ECONNRESET,
  EINPROGRESS,
  EPIPE,
  MSG_DONTWAIT,
  SO_RCVBUF,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../ffi/constants.ts";

/** A socket whose connection has begun. `receiveBuffer` 0: what the kernel likes. */
export function connectOne(port: number, receiveBuffer: number = 0): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert.ok(fd >= 0, "a socket");
  if (receiveBuffer > 0) libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer);
  const result = libc.connect(fd, { family: "inet", host: "127.0.0.1", port });
  assert.ok(result === 0 || result === -EINPROGRESS, `connect: ${result}`);
  return fd;
}

/** Sends what the socket takes. Returns how much, or -errno of a connection that is over. */
export function sendSome(fd: number, bytes: Uint8Array): number {
  const memory = libc.allocate(Math.max(1, bytes.length));
  memory.bytes.set(bytes);
  const sent = libc.send(fd, memory, 0, bytes.length, MSG_DONTWAIT);
  return sent === -EAGAIN ? 0 : sent;
}

/** What arrived, thrown away. Returns whether the connection has ended. */
export function isOver(fd: number): boolean {
  const memory = libc.allocate(4096);
  for (;;) {
    const took = libc.recv(fd, memory, 0, memory.size, MSG_DONTWAIT);
    if (took === -EAGAIN) return false;
    if (took === 0 || took === -ECONNRESET || took === -EPIPE) return true;
    assert.ok(took > 0, `recv: ${took}`);
  }
}

export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) libc.close(fd);
}

/** Takes one byte, if there is one. */
export function readByte(fd: number): void {
  libc.recv(fd, BYTE, 0, 1, MSG_DONTWAIT);
}

const BYTE = libc.allocate(8);
