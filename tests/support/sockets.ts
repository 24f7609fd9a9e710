/** Connected loopback sockets through libc, and whole reads and writes on them. */
import assert from "node:assert/strict";
import { libc } from "#ffi";
import {
  AF_INET,
  EAGAIN,
  EINPROGRESS,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../ffi/constants.ts";

export interface SocketPair {
  /** The side under test, not blocking. */
  near: number;
  /** The peer, not blocking. */
  far: number;
  close(): void;
}

/** `bufferSize` makes both directions as narrow as the kernel allows. */
export function socketPair(bufferSize: number = 0): SocketPair {
  const listener = libc.socket(AF_INET, SOCK_STREAM, 0);
  const far = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert.ok(listener >= 0 && far >= 0, "sockets");
  if (bufferSize > 0) {
    libc.setsockopt(listener, SOL_SOCKET, SO_SNDBUF, bufferSize);
    libc.setsockopt(far, SOL_SOCKET, SO_RCVBUF, bufferSize);
  }
  assert.equal(libc.bind(listener, { family: "inet", host: "127.0.0.1", port: 0 }), 0);
  assert.equal(libc.listen(listener, 1), 0);
  const address = libc.getsockname(listener);
  assert.ok(typeof address !== "number");
  const connected = libc.connect(far, address);
  assert.ok(connected === 0 || connected === -EINPROGRESS);
  const near = libc.accept4(listener, SOCK_NONBLOCK);
  assert.ok(near >= 0, "an accepted connection");
  libc.close(listener);
  const open = new Set([near, far]);
  const close = () => {
    for (const fd of open) libc.close(fd);
    open.clear();
  };
  return { near, far, close };
}

/** A connection that blocks, to a port of this machine; small is how much it has room for. */
export function narrowSocket(port: number, receiveBuffer: number): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  assert.ok(fd >= 0, "a socket");
  // Before connect: the window that is offered follows from it.
  assert.equal(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer), 0);
  assert.equal(libc.connect(fd, { family: "inet", host: "127.0.0.1", port }), 0);
  return fd;
}

/** Takes what has arrived at `fd`: empty when nothing has, null at the end of the stream. */
export function receiveSome(fd: number, sizeMax: number = 65536): Uint8Array | null {
  const memory = libc.allocate(sizeMax);
  const took = libc.recv(fd, memory, 0, sizeMax, 0);
  if (took === -EAGAIN) return new Uint8Array(0);
  assert.ok(took >= 0, `recv: ${took}`);
  return took === 0 ? null : memory.bytes.slice(0, took);
}

/** Sends all of `bytes`; the socket must have room for them. */
export function sendWhole(fd: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const memory = libc.allocate(bytes.length);
  memory.bytes.set(bytes);
  assert.equal(libc.send(fd, memory, 0, bytes.length, 0), bytes.length);
}
