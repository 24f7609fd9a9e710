/** Contract of epoll and eventfd: what comes back is what was registered, all 32 bits of it. */
import assert from "node:assert/strict";
import {
  EAGAIN,
  EBADF,
  EEXIST,
  EFD_NONBLOCK,
  EFD_SEMAPHORE,
  EINVAL,
  ENOENT,
  EPERM,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLRDHUP,
} from "../../ffi/constants.ts";
import { pair } from "./libc_socket_suite.ts";
import type { Contract, World } from "./libc_world.ts";

export function readinessContract(contract: Contract): void {
  contract("an eventfd counts, and is -EAGAIN when empty", counts);
  contract("slot and generation come back, all 32 bits", roundTrip);
  contract("epollCtl adds once, changes and removes", controls);
  contract("epollWait reports what is ready, and not what is not", reports);
  contract("no more events than the list holds, and the others next time", overflows);
  contract("edge-triggered and one-shot registrations report once", once);
  contract("a timeout is waited for, and 0 is not", timeouts);
  contract("an event that was not reported is not read", indices);
}

/** Adds `count` to an eventfd. */
export function notify(world: World, fd: number, count: number): number {
  const memory = world.libc.allocate(8);
  memory.view.setUint32(0, count, true);
  return world.libc.write(fd, memory, 0, 8);
}

function take(world: World, fd: number): number {
  const memory = world.libc.allocate(8);
  const result = world.libc.read(fd, memory, 0, 8);
  if (result < 0) return result;
  world.is(result, 8);
  return memory.view.getUint32(0, true);
}

function counts(world: World): void {
  const { libc } = world;
  const fd = world.own(libc.eventfd(3, EFD_NONBLOCK));
  world.is(take(world, fd), 3);
  world.is(take(world, fd), -EAGAIN);
  world.is(notify(world, fd, 2), 8);
  world.is(notify(world, fd, 5), 8);
  world.is(take(world, fd), 7);
  const semaphore = world.own(libc.eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));
  world.is(take(world, semaphore), 1);
  world.is(take(world, semaphore), 1);
  world.is(take(world, semaphore), -EAGAIN);
  world.is(libc.eventfd(0, 0x10), -EINVAL);
}

function roundTrip(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  const events = libc.epollEvents(4);
  const fd = world.own(libc.eventfd(1, EFD_NONBLOCK));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0, 0), 0);
  const values = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xdeadbeef];
  for (const slot of values) {
    for (const generation of values) {
      world.is(libc.epollCtl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, slot, generation), 0);
      world.is(libc.epollWait(epoll, events, 0), 1);
      assert.equal(events.flags(0), EPOLLIN);
      assert.equal(events.slot(0), slot);
      assert.equal(events.generation(0), generation);
    }
  }
}

function controls(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  const fd = world.own(libc.eventfd(1, EFD_NONBLOCK));
  const events = libc.epollEvents(4);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, 1, 1), -ENOENT);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_DEL, fd, 0, 0, 0), -ENOENT);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1, 1), 0);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1, 1), -EEXIST);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_MOD, fd, 0, 1, 1), 0);
  world.is(libc.epollWait(epoll, events, 0), 0);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_DEL, fd, 0, 0, 0), 0);
  world.is(libc.epollWait(epoll, events, 0), 0);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, 999_999, EPOLLIN, 1, 1), -EBADF);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1, 1), -EINVAL);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, world.file("f"), EPOLLIN, 1, 1), -EPERM);
  world.is(libc.epollWait(fd, events, 0), -EINVAL);
}

function reports(world: World): void {
  const { libc } = world;
  const { client, server } = pair(world);
  const epoll = world.own(libc.epollCreate(0));
  const events = libc.epollEvents(4);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, server, EPOLLIN | EPOLLRDHUP, 5, 6), 0);
  world.is(libc.epollWait(epoll, events, 0), 0);
  world.is(libc.send(client, world.memory("x"), 0, 1, 0), 1);
  world.is(libc.epollWait(epoll, events, 5000), 1);
  assert.equal(events.flags(0), EPOLLIN);
  world.is(libc.epollCtl(epoll, EPOLL_CTL_MOD, server, EPOLLIN | EPOLLOUT, 5, 6), 0);
  world.is(libc.epollWait(epoll, events, 5000), 1);
  assert.equal(events.flags(0), EPOLLIN | EPOLLOUT);
  world.is(libc.shutdown(server, 2), 0);
  world.is(libc.epollWait(epoll, events, 5000), 1);
  assert.equal(events.slot(0), 5);
  assert.equal(events.flags(0) & EPOLLIN, EPOLLIN);
  world.close(client);
  const untilMs = libc.monotonicMs() + 5000;
  let flags = 0;
  while ((flags & EPOLLHUP) === 0 && libc.monotonicMs() < untilMs) {
    world.is(libc.epollWait(epoll, events, 5000), 1);
    flags = events.flags(0);
  }
  assert.equal(flags & EPOLLHUP, EPOLLHUP);
}

function overflows(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  for (let slot = 0; slot < 10; slot++) {
    const fd = world.own(libc.eventfd(1, EFD_NONBLOCK));
    world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, slot, slot * 7), 0);
  }
  const events = libc.epollEvents(4);
  assert.equal(events.capacity, 4);
  const seen = new Set<number>();
  for (let round = 0; round < 5; round++) {
    world.is(libc.epollWait(epoll, events, 0), 4);
    for (let i = 0; i < 4; i++) {
      assert.equal(events.generation(i), events.slot(i) * 7);
      seen.add(events.slot(i));
    }
  }
  assert.equal(seen.size, 10);
  assert.throws(() => libc.epollEvents(0));
}

function once(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  const events = libc.epollEvents(4);
  const edge = world.own(libc.eventfd(1, EFD_NONBLOCK));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, edge, EPOLLIN | EPOLLET, 1, 0), 0);
  world.is(libc.epollWait(epoll, events, 0), 1);
  world.is(libc.epollWait(epoll, events, 0), 0);
  world.is(notify(world, edge, 1), 8);
  world.is(libc.epollWait(epoll, events, 0), 1);
  const single = world.own(libc.eventfd(1, EFD_NONBLOCK));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, single, EPOLLIN | EPOLLONESHOT, 2, 0), 0);
  world.is(libc.epollWait(epoll, events, 0), 1);
  assert.equal(events.slot(0), 2);
  world.is(notify(world, single, 1), 8);
  world.is(libc.epollWait(epoll, events, 0), 0);
}

function timeouts(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  const events = libc.epollEvents(1);
  const startMs = libc.monotonicMs();
  world.is(libc.epollWait(epoll, events, 20), 0);
  const tookMs = libc.monotonicMs() - startMs;
  assert.ok(tookMs >= 19, "20 ms are waited for");
  const fd = world.own(libc.eventfd(1, EFD_NONBLOCK));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0, 0), 0);
  world.is(libc.epollWait(epoll, events, -1), 1);
}

function indices(world: World): void {
  const { libc } = world;
  const epoll = world.own(libc.epollCreate(0));
  const fd = world.own(libc.eventfd(1, EFD_NONBLOCK));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0, 0), 0);
  const events = libc.epollEvents(4);
  assert.throws(() => events.flags(0));
  world.is(libc.epollWait(epoll, events, 0), 1);
  assert.equal(events.slot(0), 0);
  for (const i of [1, 4, -1, 0.5, NaN]) {
    assert.throws(() => events.flags(i));
    assert.throws(() => events.slot(i));
    assert.throws(() => events.generation(i));
  }
  // What an earlier wait reported is gone, also when the next one fails.
  world.is(libc.epollWait(999_999, events, 0), -EBADF);
  assert.throws(() => events.flags(0));
  world.is(libc.epollCtl(epoll, EPOLL_CTL_MOD, fd, 0, 0, 0), 0);
  world.is(libc.epollWait(epoll, events, 0), 0);
  assert.throws(() => events.slot(0));
}
