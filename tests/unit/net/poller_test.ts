/** Readiness, and the generation that comes back with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { EFD_NONBLOCK, EINTR, EMFILE, EPOLLHUP } from "../../../ffi/constants.ts";
import { READY_EVENTS_MAX } from "../../../src/limits.ts";
import { Poller, PollerError, Wake } from "../../../src/net/poller.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { receiveSome, sendWhole, socketPair } from "../../support/sockets.ts";

test("what can be read is reported with slot and generation, again until it is read", () => {
  const pair = socketPair();
  const poller = new Poller(libc);
  assert.equal(poller.add(pair.near, 4294967295, 4294967294), 0);
  assert.equal(poller.wait(0), 0);
  sendWhole(pair.far, Uint8Array.of(1, 2));
  for (let i = 0; i < 2; i += 1) {
    assert.equal(poller.wait(10000), 1);
    assert.deepEqual(
      [poller.events.slot(0), poller.events.generation(0)],
      [4294967295, 4294967294],
    );
    assert.deepEqual([poller.readable(0), poller.writable(0)], [true, false]);
  }
  assert.equal(receiveSome(pair.near)!.length, 2);
  assert.equal(poller.wait(0), 0);
  poller.close();
  pair.close();
});

test("a connection asks for reading, writing, both or neither", () => {
  const pair = socketPair();
  const poller = new Poller(libc);
  poller.add(pair.near, 9, 1);
  sendWhole(pair.far, Uint8Array.of(1));
  assert.equal(poller.wait(10000), 1);
  for (const read of [true, false]) {
    for (const write of [true, false]) {
      poller.change(pair.near, 9, 2, read, write);
      assert.equal(poller.wait(0), read || write ? 1 : 0);
      if (!read && !write) continue;
      assert.deepEqual([poller.readable(0), poller.writable(0)], [read, write]);
      assert.equal(poller.events.generation(0), 2);
    }
  }
  poller.remove(pair.near);
  assert.equal(poller.wait(0), 0);
  assert.throws(() => poller.change(pair.near, 9, 1, true, false));
  poller.close();
  pair.close();
});

test("a peer that is gone is reported whatever was asked for, as readable", () => {
  const pair = socketPair();
  const poller = new Poller(libc);
  poller.add(pair.near, 9, 1);
  poller.change(pair.near, 9, 1, false, false);
  sendWhole(pair.near, Uint8Array.of(1));
  libc.close(pair.far); // with something unread: the connection is reset
  assert.equal(poller.wait(10000), 1);
  assert.notEqual(poller.events.flags(0) & EPOLLHUP, 0);
  assert.equal(poller.readable(0), true);
  assert.equal(poller.isGone(0), true);
  poller.close();
  libc.close(pair.near);
});

test("waiting rounds up, and an interrupted wait is an empty one", () => {
  const faulty = new FaultyLibc(libc);
  const poller = new Poller(faulty.libc);
  const waits: number[] = [];
  faulty.plan = (call, args) => {
    if (call !== "epollWait") return undefined;
    waits.push(args[2] as number);
    return -EINTR;
  };
  for (const timeout of [0, 0.1, 1, 1.5, -1]) assert.equal(poller.wait(timeout), 0);
  assert.deepEqual(waits, [0, 1, 1, 2, -1]);
  poller.close();
});

test("a wake is raised any number of times and cleared once", () => {
  const poller = new Poller(libc);
  const wake = new Wake(libc, EFD_NONBLOCK);
  poller.add(wake.fd, 2, 0);
  const one = libc.allocate(8);
  one.view.setUint32(0, 1, true);
  for (let i = 0; i < 3; i += 1) libc.write(wake.fd, one, 0, 8);
  assert.equal(poller.wait(10000), 1);
  assert.equal(poller.events.slot(0), 2);
  wake.clear();
  assert.equal(poller.wait(0), 0);
  wake.clear(); // with nothing raised it does not block
  wake.close();
  poller.close();
});

test("more that are ready than one wait reports take turns: nobody is left out", () => {
  const poller = new Poller(libc);
  const count = 2 * READY_EVENTS_MAX + 100;
  const fds = Array.from({ length: count }, () => libc.eventfd(1, EFD_NONBLOCK));
  fds.forEach((fd, i) => assert.equal(poller.add(fd, i, 0), 0));
  const seen = new Map<number, number>();
  const rounds = 3;
  for (let i = 0; i < rounds * Math.ceil(count / READY_EVENTS_MAX); i += 1) {
    const ready = poller.wait(0);
    assert.equal(ready, READY_EVENTS_MAX);
    for (let event = 0; event < ready; event += 1) {
      const slot = poller.events.slot(event);
      seen.set(slot, (seen.get(slot) ?? 0) + 1);
    }
  }
  assert.equal(seen.size, count);
  assert.ok([...seen.values()].every((times) => times >= rounds), "each in its turn");
  for (const fd of fds) libc.close(fd);
  poller.close();
});

test("without a descriptor for the loop itself it says so", () => {
  const faulty = new FaultyLibc(libc);
  faulty.failNth("epollCreate", 1, -EMFILE);
  const isClear = (error: unknown) => {
    return error instanceof PollerError && error.message.includes("EMFILE");
  };
  assert.throws(() => new Poller(faulty.libc), isClear);
  faulty.failNth("eventfd", 1, -EMFILE);
  assert.throws(() => new Wake(faulty.libc, EFD_NONBLOCK), isClear);
  faulty.heal();
  const poller = new Poller(faulty.libc);
  const wake = new Wake(faulty.libc, EFD_NONBLOCK);
  faulty.failNth("epollCtl", 1, -EMFILE);
  assert.throws(() => poller.addOwn(wake.fd, 2), isClear);
  wake.close();
  poller.close();
});
