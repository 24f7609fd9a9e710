/** Contract of asynchronous syncs: each request comes back once, with its tag and its result. */
import assert from "node:assert/strict";
import {
  EAGAIN,
  EBADF,
  EFD_NONBLOCK,
  EINVAL,
  ENOSYS,
  EPERM,
  EPOLL_CTL_ADD,
  EPOLLIN,
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
} from "../../ffi/constants.ts";
import type { Aio } from "../../ffi/libc.ts";
import { skipped } from "../support/skip.ts";
import type { Contract, World } from "./libc_world.ts";

export function aioContract(contract: Contract): void {
  contract("fdsync and fsync of files and directories complete with 0", completes);
  contract("a completion makes the eventfd readable", announces);
  contract("a request may be prepared again while it is in flight", preparesAgain);
  contract("a bad descriptor is -EBADF, wherever it is reported", badDescriptor);
  contract("an AIO context refuses what it was not made for", refuses);
}

/** Runs `use` with a context, or skips where the kernel gives none. */
function withAio(world: World, capacity: number, use: (aio: Aio, eventFd: number) => void): void {
  const eventFd = world.own(world.libc.eventfd(0, EFD_NONBLOCK));
  const aio = world.libc.openAio(capacity, eventFd);
  if (typeof aio === "number") {
    assert.ok([-ENOSYS, -EPERM, -EAGAIN].includes(aio), "only a kernel without AIO refuses");
    return skipped("Linux AIO", "the kernel gives no context");
  }
  try {
    use(aio, eventFd);
  } finally {
    aio.close();
  }
}

/** Reaps until `count` requests are back: tag -> result. */
function reapAll(world: World, aio: Aio, count: number): Map<number, number> {
  const results = new Map<number, number>();
  const untilMs = world.libc.monotonicMs() + 10_000;
  while (results.size < count && world.libc.monotonicMs() < untilMs) {
    const reaped = world.ok(aio.reap());
    for (let i = 0; i < reaped; i++) {
      assert.ok(!results.has(aio.tag(i)), "a tag comes back once");
      results.set(aio.tag(i), aio.result(i));
    }
  }
  assert.equal(results.size, count);
  return results;
}

function completes(world: World): void {
  withAio(world, 8, (aio) => {
    assert.equal(aio.capacity, 8);
    world.is(aio.reap(), 0);
    world.is(aio.submit(0), 0);
    const file = world.file("f");
    const directory = world.directory();
    world.put(file, "to be synced");
    aio.prepare(0, IOCB_CMD_FDSYNC, file, 0);
    aio.prepare(1, IOCB_CMD_FSYNC, file, 0xffffffff);
    aio.prepare(2, IOCB_CMD_FSYNC, directory, 0x80000000);
    aio.prepare(3, IOCB_CMD_FDSYNC, directory, 7);
    world.is(aio.submit(4), 4);
    const results = reapAll(world, aio, 4);
    for (const tag of [0, 0xffffffff, 0x80000000, 7]) assert.equal(results.get(tag), 0);
    world.is(aio.reap(), 0);
  });
}

function announces(world: World): void {
  const { libc } = world;
  withAio(world, 4, (aio, eventFd) => {
    const epoll = world.own(libc.epollCreate(0));
    const events = libc.epollEvents(4);
    world.is(libc.epollCtl(epoll, EPOLL_CTL_ADD, eventFd, EPOLLIN, 3, 4), 0);
    const file = world.file("f");
    for (let round = 0; round < 20; round++) {
      world.put(file, "round " + String(round));
      aio.prepare(0, IOCB_CMD_FDSYNC, file, round);
      world.is(aio.submit(1), 1);
      world.is(libc.epollWait(epoll, events, 10_000), 1);
      assert.equal(events.slot(0), 3);
      const counter = libc.allocate(8);
      world.is(libc.read(eventFd, counter, 0, 8), 8);
      assert.equal(counter.view.getUint32(0, true), 1);
      world.is(aio.reap(), 1);
      assert.deepEqual([aio.tag(0), aio.result(0)], [round, 0]);
    }
  });
}

function preparesAgain(world: World): void {
  withAio(world, 8, (aio) => {
    for (let tag = 0; tag < 8; tag++) {
      const fd = world.file("f" + String(tag));
      world.put(fd, "text");
      aio.prepare(0, IOCB_CMD_FDSYNC, fd, tag);
      world.is(aio.submit(1), 1);
    }
    const results = reapAll(world, aio, 8);
    for (let tag = 0; tag < 8; tag++) assert.equal(results.get(tag), 0);
  });
}

/** Linux refuses the submission; another implementation may report it with the completion. */
function badDescriptor(world: World): void {
  withAio(world, 4, (aio) => {
    aio.prepare(0, IOCB_CMD_FDSYNC, 999_999, 1);
    const alone = aio.submit(1);
    if (alone < 0) world.is(alone, -EBADF);
    else assert.equal(reapAll(world, aio, 1).get(1), -EBADF);
    aio.prepare(0, IOCB_CMD_FDSYNC, world.file("f"), 2);
    aio.prepare(1, IOCB_CMD_FDSYNC, 999_999, 3);
    const taken = world.ok(aio.submit(2));
    const results = reapAll(world, aio, taken);
    assert.equal(results.get(2), 0);
    if (taken === 2) assert.equal(results.get(3), -EBADF);
  });
}

function refuses(world: World): void {
  const { libc } = world;
  withAio(world, 4, (aio, eventFd) => {
    const file = world.file("f");
    assert.throws(() => aio.prepare(4, IOCB_CMD_FDSYNC, file, 0));
    assert.throws(() => aio.prepare(-1, IOCB_CMD_FDSYNC, file, 0));
    assert.throws(() => aio.prepare(0, 0, file, 0));
    assert.throws(() => aio.prepare(0, IOCB_CMD_FDSYNC, NaN, 0));
    assert.throws(() => aio.submit(5));
    assert.throws(() => aio.submit(-1));
    assert.throws(() => aio.tag(0));
    assert.throws(() => aio.result(0));
    assert.throws(() => libc.openAio(0, eventFd));
    world.is(aio.close(), 0);
    world.is(aio.close(), -EINVAL);
    assert.throws(() => aio.submit(0));
    assert.throws(() => aio.reap());
  });
}
