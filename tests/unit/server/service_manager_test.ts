/** Datagrams to a service manager, by path and by abstract name. */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_UNIX, ECONNREFUSED, EINVAL, MSG_DONTWAIT, SOCK_DGRAM } from "../../../ffi/constants.ts";
import type { AbstractAddress, SocketAddress } from "../../../ffi/libc.ts";
import { ServiceManager } from "../../../src/server/service_manager.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

class Listener {
  readonly fd: number = libc.socket(AF_UNIX, SOCK_DGRAM, 0);

  constructor(address: SocketAddress | AbstractAddress) {
    assert.equal(libc.bind(this.fd, address), 0);
  }

  /** The next datagram, or null. */
  next(): string | null {
    const memory = libc.allocate(4096);
    const size = libc.recv(this.fd, memory, 0, 4096, MSG_DONTWAIT);
    return size < 0 ? null : new TextDecoder().decode(memory.bytes.subarray(0, size));
  }
}

test("what happens is told in systemd's words", () => {
  const socket = join(temporaryDirectory("notify"), "s");
  const listener = new Listener({ family: "unix", path: socket });
  const manager = new ServiceManager(libc, { socket, watchdogUs: undefined });
  manager.waiting("the start goes on\nin 10 s", 10_000);
  manager.ready("serving");
  manager.isAlive();
  manager.stopping();
  const told = [listener.next(), listener.next(), listener.next(), listener.next()];
  assert.deepEqual(told, [
    "STATUS=the start goes on in 10 s\nEXTEND_TIMEOUT_USEC=40000000",
    "READY=1\nSTATUS=serving",
    "WATCHDOG=1",
    "STOPPING=1\nSTATUS=stopping",
  ]);
  assert.equal(listener.next(), null);
  libc.close(listener.fd);
});

test("a name that is in no file system is found", () => {
  const name = `sluice-notify-${process.pid}-${libc.monotonicMs()}`;
  const listener = new Listener({ family: "abstract", name });
  new ServiceManager(libc, { socket: `@${name}`, watchdogUs: undefined }).ready("serving");
  assert.equal(listener.next(), "READY=1\nSTATUS=serving");
  libc.close(listener.fd);
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  assert.equal(libc.connect(fd, { family: "abstract", name }), -ECONNREFUSED, "it is gone");
  for (const wrong of ["", "a\0b", "x".repeat(108)]) {
    assert.equal(libc.connect(fd, { family: "abstract", name: wrong }), -EINVAL);
  }
  assert.equal(libc.bind(fd, { family: "abstract", name: "x".repeat(107) }), 0, "the longest");
  libc.close(fd);
});

test("nobody, and somebody who does not listen, are no reason to fail", () => {
  new ServiceManager(libc, { socket: undefined, watchdogUs: undefined }).ready("");
  for (const socket of ["", "@", "/nowhere/s", "@nobody-has-this-name", "x".repeat(200)]) {
    const manager = new ServiceManager(libc, { socket, watchdogUs: "1000000" });
    manager.ready("serving");
    manager.isAlive();
  }
});

test("the watchdog hears twice in its time, where there is one", () => {
  const half = (watchdogUs: string | undefined, socket: string | undefined = "@s") => {
    return new ServiceManager(libc, { socket, watchdogUs }).watchdogMs;
  };
  assert.equal(half("30000000"), 15_000);
  assert.equal(half("1000"), 1);
  for (const none of [undefined, "", "0", "-5", "x", "10"]) assert.equal(half(none), 0);
  assert.equal(half("30000000", ""), 0);
});
