/** Listening sockets, TCP and Unix, and connections from them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  CONGESTION_RENO,
  EACCES,
  EAGAIN,
  IPPROTO_TCP,
  SOCK_STREAM,
  TCP_CONGESTION,
} from "../../../ffi/constants.ts";
import {
  accept,
  type Listener,
  ListenError,
  listenTcp,
  listenUnix,
} from "../../../src/net/listener.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { skipped } from "../../support/skip.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Connects to the listener and returns both ends. */
function meet(listener: Listener): { near: number; far: number } {
  const { address } = listener;
  const domains = { inet: AF_INET, inet6: AF_INET6, unix: AF_UNIX };
  const far = libc.socket(domains[address.family], SOCK_STREAM, 0);
  assert.equal(libc.connect(far, address), 0);
  const near = accept(libc, listener);
  assert.ok(near >= 0);
  return { near, far };
}

function portOf(listener: Listener): number {
  assert.ok(listener.address.family !== "unix");
  return listener.address.port;
}

test("port 0 is any free port, and clients reach it", () => {
  const first = listenTcp(libc, "127.0.0.1", 0);
  const second = listenTcp(libc, "127.0.0.1", 0);
  assert.ok(portOf(first) > 0);
  assert.notEqual(portOf(first), portOf(second));
  assert.equal(accept(libc, first), -EAGAIN, "nobody is there");
  const { near, far } = meet(first);
  const memory = libc.allocate(1);
  assert.equal(libc.recv(near, memory, 0, 1, 0), -EAGAIN, "accepted sockets do not block");
  for (const fd of [near, far, first.fd, second.fd]) libc.close(fd);
});

test("IPv6", () => {
  let listener: Listener;
  try {
    listener = listenTcp(libc, "::1", 0);
  } catch {
    return skipped("IPv6", "this machine has no IPv6 loopback");
  }
  assert.equal(listener.address.family, "inet6");
  const { near, far } = meet(listener);
  for (const fd of [near, far, listener.fd]) libc.close(fd);
});

test("an address that is taken is refused by name, and nothing stays open", () => {
  const first = listenTcp(libc, "127.0.0.1", 0);
  const port = portOf(first);
  const faulty = new FaultyLibc(libc);
  assert.throws(
    () => listenTcp(faulty.libc, "127.0.0.1", port),
    (error) =>
      error instanceof ListenError && error.message.includes(`127.0.0.1:${port}: EADDRINUSE`),
  );
  assert.equal(faulty.opened, faulty.count("close"));
  libc.close(first.fd);
  faulty.failNth("bind", 1, -EACCES);
  assert.throws(
    () => listenTcp(faulty.libc, "127.0.0.1", 80),
    (error) =>
      error instanceof ListenError &&
      /cannot listen on 127\.0\.0\.1:80: EACCES, ports below 1024 are for root/.test(error.message),
  );
});

test("a Unix socket, also where a killed broker left its file", () => {
  const path = join(temporaryDirectory("unix"), "shard-0.sock");
  const dead = listenUnix(libc, path);
  libc.close(dead.fd);
  assert.equal(existsSync(path), true, "the file outlives its broker");
  const listener = listenUnix(libc, path);
  const { near, far } = meet(listener);
  for (const fd of [near, far, listener.fd]) libc.close(fd);
});

test("a path that is no socket's is refused, and nothing stays open", () => {
  const root = temporaryDirectory("unix");
  mkdirSync(join(root, "directory"));
  for (const path of [join(root, "directory"), join(root, "missing", "x.sock")]) {
    const faulty = new FaultyLibc(libc);
    assert.throws(() => listenUnix(faulty.libc, path), ListenError);
    assert.equal(faulty.opened, faulty.count("close"), path);
  }
});

test("accepted connections watch for peers that are gone without a word", () => {
  const listener = listenTcp(libc, "127.0.0.1", 0);
  const { near, far } = meet(listener);
  const port = portOf(listener).toString(16).toUpperCase().padStart(4, "0");
  const found = execFileSync("grep", [`:${port} `, "/proc/net/tcp"], { encoding: "utf8" });
  const rows = found.split("\n");
  const established = rows.map((row) => row.trim().split(/\s+/)).filter((fields) => {
    return fields[1]?.endsWith(`:${port}`) === true && fields[3] === "01";
  });
  // Field 5 is the timer that runs and when it is due: 02 is keepalive.
  assert.deepEqual(established.map((fields) => fields[5]!.slice(0, 3)), ["02:"]);
  for (const fd of [near, far, listener.fd]) libc.close(fd);
});

test("a loopback listener does without the machine's congestion control, others keep it", () => {
  for (const [host, asked] of [["127.0.0.1", 1], ["127.9.0.1", 1], ["0.0.0.0", 0]] as const) {
    const faulty = new FaultyLibc(libc);
    const values: unknown[] = [];
    faulty.plan = (call, [, , option, value]) => {
      if (call === "setsockopt" && option === TCP_CONGESTION) values.push(value);
      return undefined;
    };
    libc.close(listenTcp(faulty.libc, host, 0).fd);
    assert.deepEqual(values, Array.from({ length: asked }, () => CONGESTION_RENO), host);
  }
  const socket = libc.socket(AF_INET, SOCK_STREAM, 0);
  assert.equal(libc.setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, CONGESTION_RENO), 0);
  assert.notEqual(libc.setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, 0x78787878), 0, "xxxx");
  libc.close(socket);
});
