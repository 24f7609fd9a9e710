/** Contract of sockets: TCP over both families, Unix sockets, and every way data is sent. */
import assert from "node:assert/strict";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINPROGRESS,
  EINVAL,
  ENOENT,
  ENOPROTOOPT,
  ENOTCONN,
  ENOTSOCK,
  EPIPE,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_MORE,
  SEEK_CUR,
  SHUT_WR,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../ffi/constants.ts";
import type { SocketAddress } from "../../ffi/libc.ts";
import { skipped } from "../support/skip.ts";
import { type Contract, text, type World } from "./libc_world.ts";

const DOMAIN = { inet: AF_INET, inet6: AF_INET6, unix: AF_UNIX };

export function socketContract(contract: Contract): void {
  contract("TCP over IPv4: both ends know both addresses", overInet);
  contract("TCP over IPv6: both ends know both addresses", overInet6);
  contract("Unix sockets: the path is the name", overUnix);
  contract("an address that is none is refused before the call", badAddresses);
  contract("refused, in use, not connected, not a socket: each has its errno", socketErrors);
  contract("a socket that would block answers -EAGAIN", wouldBlock);
  contract("the end of the stream is 0, a closed peer is -EPIPE or -ECONNRESET", closedPeer);
  contract("recv and send touch only their range", ranges);
  contract("sendmsg gathers, and goes on after a part with consume", gathers);
  contract("sendfile sends a range and leaves the offset of the file", sendsFiles);
  contract("options are set, and unknown ones refused", options);
}

/** A listener at `address`, or -errno. */
function listenAt(world: World, address: SocketAddress): number {
  const { libc } = world;
  const fd = libc.socket(DOMAIN[address.family], SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return fd;
  world.own(fd);
  const bound = libc.bind(fd, address);
  if (bound < 0) return bound;
  world.is(libc.listen(fd, 16), 0);
  return fd;
}

export interface Pair {
  listener: number;
  client: number;
  server: number;
}

/** Two connected sockets that block in neither direction; -errno where the family is not there. */
export function pairAt(world: World, address: SocketAddress): Pair | number {
  const { libc } = world;
  const listener = listenAt(world, address);
  if (listener < 0) return listener;
  const name = libc.getsockname(listener);
  if (typeof name === "number") return name;
  const client = world.own(libc.socket(DOMAIN[address.family], SOCK_STREAM | SOCK_NONBLOCK, 0));
  const connected = libc.connect(client, name);
  if (connected < 0) world.is(connected, -EINPROGRESS);
  let server = libc.accept4(listener, SOCK_NONBLOCK);
  const untilMs = libc.monotonicMs() + 5000;
  while (server === -EAGAIN && libc.monotonicMs() < untilMs) {
    server = libc.accept4(listener, SOCK_NONBLOCK);
  }
  return { listener, client, server: world.own(server) };
}

export function pair(world: World): Pair {
  const made = pairAt(world, { family: "inet", host: "127.0.0.1", port: 0 });
  if (typeof made === "number") assert.fail("loopback TCP is there");
  return made;
}

/** Waits, by asking again, until `call` has something to say. */
function patiently(world: World, call: () => number): number {
  const untilMs = world.libc.monotonicMs() + 5000;
  let result = call();
  while (result === -EAGAIN && world.libc.monotonicMs() < untilMs) result = call();
  return result;
}

/** Receives exactly `size` bytes. */
export function receive(world: World, fd: number, size: number): string {
  const memory = world.libc.allocate(size);
  let have = 0;
  while (have < size) {
    const result = patiently(world, () => world.libc.recv(fd, memory, have, size - have, 0));
    if (world.ok(result) === 0) break;
    have += result;
  }
  return text(memory, 0, have);
}

function checkNames(world: World, { listener, client, server }: Pair): void {
  const { libc } = world;
  assert.deepEqual(libc.getpeername(client), libc.getsockname(listener));
  assert.deepEqual(libc.getsockname(server), libc.getsockname(listener));
  assert.deepEqual(libc.getpeername(server), libc.getsockname(client));
  const memory = world.memory("ping");
  world.is(libc.send(client, memory, 0, 4, 0), 4);
  assert.equal(receive(world, server, 4), "ping");
}

function overInet(world: World): void {
  const made = pair(world);
  const name = world.libc.getsockname(made.listener) as { host: string; port: number };
  assert.equal(name.host, "127.0.0.1");
  assert.ok(name.port > 0, "port 0 means any");
  checkNames(world, made);
}

function overInet6(world: World): void {
  const made = pairAt(world, { family: "inet6", host: "::1", port: 0 });
  if (made === -EAFNOSUPPORT || made === -EADDRNOTAVAIL) {
    return skipped("TCP over IPv6", "this machine has no IPv6 loopback");
  }
  if (typeof made === "number") assert.fail("listening on ::1 works");
  const name = world.libc.getsockname(made.listener) as SocketAddress & { host: string };
  assert.equal(name.family, "inet6");
  assert.equal(name.host, "::1");
  checkNames(world, made);
}

function overUnix(world: World): void {
  const { libc } = world;
  const path = world.root + "/s";
  const made = pairAt(world, { family: "unix", path });
  if (typeof made === "number") assert.fail("a Unix socket in the test directory works");
  assert.deepEqual(libc.getsockname(made.listener), { family: "unix", path });
  assert.deepEqual(libc.getpeername(made.client), { family: "unix", path });
  assert.deepEqual(libc.getpeername(made.server), { family: "unix", path: "" });
  world.is(libc.send(made.server, world.memory("pong"), 0, 4, 0), 4);
  assert.equal(receive(world, made.client, 4), "pong");
  // 107 bytes is the longest path; one more would leave no room for the zero.
  const longest = world.root + "/" + "p".repeat(106 - world.root.length);
  const bound = world.own(libc.socket(AF_UNIX, SOCK_STREAM, 0));
  world.is(libc.bind(bound, { family: "unix", path: longest + "p" }), -EINVAL);
  world.is(libc.bind(bound, { family: "unix", path: longest }), 0);
  assert.deepEqual(libc.getsockname(bound), { family: "unix", path: longest });
}

function badAddresses(world: World): void {
  const { libc } = world;
  const inet = world.own(libc.socket(AF_INET, SOCK_STREAM, 0));
  for (const host of ["localhost", "", "127.0.0", "1.2.3.4.5", "::1", "1.2.3.4\0"]) {
    world.is(libc.bind(inet, { family: "inet", host, port: 0 }), -EINVAL);
    world.is(libc.connect(inet, { family: "inet", host, port: 1 }), -EINVAL);
  }
  for (const host of ["localhost", "", "127.0.0.1", ":::", "::1%lo", "::1%"]) {
    world.is(libc.bind(inet, { family: "inet6", host, port: 0 }), -EINVAL);
  }
  for (const port of [-1, 65_536, 0.5, NaN]) {
    assert.throws(() => libc.bind(inet, { family: "inet", host: "127.0.0.1", port }));
  }
  const unix = world.own(libc.socket(AF_UNIX, SOCK_STREAM, 0));
  for (const path of ["", "\0abstract", "a\0b", "p".repeat(108), "ü".repeat(60)]) {
    world.is(libc.bind(unix, { family: "unix", path }), -EINVAL);
  }
}

function socketErrors(world: World): void {
  const { libc } = world;
  const first = listenAt(world, { family: "inet", host: "127.0.0.1", port: 0 });
  const name = libc.getsockname(first) as SocketAddress;
  world.is(listenAt(world, name), -EADDRINUSE);
  world.close(first);
  const client = world.own(libc.socket(AF_INET, SOCK_STREAM, 0));
  world.is(libc.connect(client, name), -ECONNREFUSED);
  const fresh = world.own(libc.socket(AF_INET, SOCK_STREAM, 0));
  assert.equal(libc.getpeername(fresh), -ENOTCONN);
  world.is(libc.recv(fresh, libc.allocate(1), 0, 1, 0), -ENOTCONN);
  world.is(libc.shutdown(fresh, SHUT_WR), -ENOTCONN);
  assert.equal(libc.getsockname(world.file("f")), -ENOTSOCK);
  world.is(libc.listen(world.file("f"), 1), -ENOTSOCK);
  const unix = world.own(libc.socket(AF_UNIX, SOCK_STREAM, 0));
  world.is(libc.connect(unix, { family: "unix", path: world.root + "/none" }), -ENOENT);
  world.is(libc.socket(12_345, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

function wouldBlock(world: World): void {
  const { libc } = world;
  const { listener, client, server } = pair(world);
  const memory = libc.allocate(1 << 20);
  world.is(libc.accept4(listener, 0), -EAGAIN);
  world.is(libc.recv(server, memory, 0, 100, 0), -EAGAIN);
  world.is(libc.recv(server, memory, 0, 100, MSG_DONTWAIT), -EAGAIN);
  let sent = 0;
  let result = 0;
  while (result >= 0) {
    result = libc.send(client, memory, 0, memory.size, 0);
    if (result > 0) sent += result;
  }
  world.is(result, -EAGAIN);
  assert.ok(sent > 0, "something fits into the socket buffers");
}

function closedPeer(world: World): void {
  const { libc } = world;
  const { client, server } = pair(world);
  const memory = world.memory("last words");
  world.is(libc.send(client, memory, 0, 10, 0), 10);
  world.is(libc.shutdown(client, SHUT_WR), 0);
  assert.equal(receive(world, server, 10), "last words");
  world.is(patiently(world, () => libc.recv(server, memory, 0, 10, 0)), 0);
  world.is(libc.send(client, memory, 0, 1, 0), -EPIPE);
  world.close(client);
  let result = 0;
  const untilMs = libc.monotonicMs() + 5000;
  while (result >= 0 && libc.monotonicMs() < untilMs) {
    result = libc.send(server, memory, 0, 1, 0);
  }
  assert.ok(result === -EPIPE || result === -ECONNRESET, "a closed peer is an errno, no signal");
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 1);
  world.is(libc.sendmsg(server, vector, 0), -EPIPE);
}

function ranges(world: World): void {
  const { libc } = world;
  const { client, server } = pair(world);
  const from = world.memory("__hello__");
  world.is(libc.send(client, from, 2, 5, 0), 5);
  const into = world.memory(".........");
  world.is(patiently(world, () => libc.recv(server, into, 3, 5, 0)), 5);
  assert.equal(text(into, 0, 9), "...hello.");
  world.is(libc.send(client, from, 0, 0, 0), 0);
}

function gathers(world: World): void {
  const { libc } = world;
  const { client, server } = pair(world);
  const vector = libc.ioVector(64);
  let expected = "";
  for (let i = 0; i < 64; i++) {
    const part = String.fromCharCode(33 + i).repeat(20_000 + i * 97);
    expected += part;
    vector.push(world.memory(part), 0, part.length);
  }
  world.is(libc.setsockopt(client, SOL_SOCKET, SO_SNDBUF, 100_000), 0);
  let received = "";
  let calls = 0;
  while (vector.size > 0) {
    const sent = libc.sendmsg(client, vector, 0);
    if (sent !== -EAGAIN) vector.consume(world.ok(sent));
    calls += 1;
    const memory = libc.allocate(65_536);
    const got = libc.recv(server, memory, 0, 65_536, 0);
    if (got !== -EAGAIN) received += text(memory, 0, world.ok(got));
  }
  const left = expected.length - received.length;
  if (left > 0) received += receive(world, server, left);
  assert.ok(calls > 1, "the socket took it in parts");
  assert.ok(received === expected, "every byte arrived once, in order");
  assert.equal(vector.count, 0);
}

function sendsFiles(world: World): void {
  const { libc } = world;
  const { client, server } = pair(world);
  const fd = world.file("f");
  world.put(fd, "0123456789");
  world.put(fd, "far away", 2 ** 32 + 5);
  world.is(libc.lseek(fd, 3, 0), 3);
  world.is(libc.send(client, world.memory("head:"), 0, 5, MSG_MORE), 5);
  world.is(libc.sendfile(client, fd, 4, 4), 4);
  assert.equal(receive(world, server, 9), "head:4567");
  world.is(libc.sendfile(client, fd, 2 ** 32 + 5, 8), 8);
  assert.equal(receive(world, server, 8), "far away");
  world.is(libc.sendfile(client, fd, 2 ** 32 + 8, 100), 5);
  assert.equal(receive(world, server, 5), " away");
  world.is(libc.sendfile(client, fd, 2 ** 40, 100), 0);
  world.is(libc.lseek(fd, 0, SEEK_CUR), 3);
  world.is(libc.sendfile(client, 999_999, 0, 1), -9);
  world.close(server);
  let result = 0;
  const untilMs = libc.monotonicMs() + 5000;
  while (result >= 0 && libc.monotonicMs() < untilMs) result = libc.sendfile(client, fd, 0, 4);
  assert.ok(result === -EPIPE || result === -ECONNRESET, "a closed peer is an errno, no signal");
}

function options(world: World): void {
  const { libc } = world;
  const { client } = pair(world);
  world.is(libc.setsockopt(client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
  world.is(libc.setsockopt(client, SOL_SOCKET, SO_RCVBUF, 65_536), 0);
  world.is(libc.setsockopt(client, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  world.is(libc.setsockopt(client, IPPROTO_TCP, 9999, 1), -ENOPROTOOPT);
}
