/** The simulated process: what a crash ends, AIO that takes its time, and the trace of a seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AF_INET,
  AT_FDCWD,
  EAGAIN,
  EBADF,
  ECONNRESET,
  EFD_NONBLOCK,
  ELOOP,
  EPOLL_CTL_ADD,
  EPOLLIN,
  IOCB_CMD_FDSYNC,
  LOCK_EX,
  LOCK_NB,
  O_CREAT,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../ffi/constants.ts";
import type { Aio } from "../../ffi/libc.ts";
import { forSeeds } from "../support/prng.ts";
import { DATA, DiskWorld } from "./disk_world.ts";
import { SimPrng } from "./prng.ts";
import { SimDeadlock, SimExit, SimLibc } from "./sim_libc.ts";
import { TraceHash } from "./trace_hash.ts";

/** Seeds 1 to 40, folded together: equal on both runtimes; a change of the simulator moves it. */
const TRACE_OF_SEEDS = "ec76606557b69829";

function aioOf(world: DiskWorld, capacity: number): Aio {
  const eventFd = world.ok(world.libc.eventfd(0, EFD_NONBLOCK));
  const aio = world.libc.openAio(capacity, eventFd);
  if (typeof aio === "number") assert.fail("the simulator has AIO");
  return aio;
}

test("a crash closes every descriptor and lock, and the next process begins anew", () => {
  const world = new DiskWorld({ seed: 1 });
  const { libc } = world;
  const fd = world.open("lock");
  world.ok(libc.flock(fd, LOCK_EX | LOCK_NB));
  const other = new SimLibc({ seed: 2, disk: libc.disk, clock: libc.clock });
  const theirs = other.openat(AT_FDCWD, DATA + "/lock", O_RDWR, 0);
  assert.equal(other.flock(theirs, LOCK_EX | LOCK_NB), -EAGAIN);
  world.crash("kill");
  assert.equal(libc.fsync(fd), -EBADF);
  assert.equal(other.flock(theirs, LOCK_EX | LOCK_NB), 0);
  assert.equal(libc.descriptors.openCount, 1);
  libc.crash("power");
  assert.equal(other.fsync(theirs), -EBADF, "the power goes for every process");
});

test("an AIO sync covers what was written before it, and maybe not what came after", () => {
  const seen = new Set<string>();
  forSeeds(300, (_, seed) => {
    const world = new DiskWorld({ seed, aioPercent: 0 });
    const fd = world.open("f");
    world.ok(world.libc.fsync(world.data));
    const aio = aioOf(world, 4);
    world.fill(fd, "A", 512, 0);
    aio.prepare(0, IOCB_CMD_FDSYNC, fd, 7);
    assert.equal(aio.submit(1), 1);
    world.fill(fd, "B", 512, 512);
    assert.equal(aio.reap(), 0);
    assert.equal(world.libc.completeAio(), 1);
    assert.equal(aio.reap(), 1);
    assert.deepEqual([aio.tag(0), aio.result(0)], [7, 0]);
    world.crash("power");
    seen.add(world.spell("f"));
  });
  assert.ok(seen.has("A*512"), "what came after was lost");
  assert.ok(seen.has("A*512 B*512"), "or not");
  assert.equal([...seen].every((left) => left.startsWith("A*512")), true);
});

test("AIO requests complete in any order, and a crash before that promises nothing", () => {
  const orders = new Set<string>();
  const left = new Set<string>();
  forSeeds(200, (_, seed) => {
    const world = new DiskWorld({ seed, aioPercent: 0 });
    const aio = aioOf(world, 4);
    for (let tag = 0; tag < 3; tag += 1) {
      const fd = world.open("f" + String(tag));
      world.fill(fd, "A", 10, 0);
      aio.prepare(tag, IOCB_CMD_FDSYNC, fd, tag);
    }
    world.ok(world.libc.fsync(world.data));
    assert.equal(aio.submit(3), 3);
    if (seed % 2 === 0) {
      world.crash("power");
      left.add(world.spell("f0"));
      return;
    }
    world.libc.completeAio(3);
    assert.equal(aio.reap(), 3);
    orders.add([0, 1, 2].map((i) => String(aio.tag(i))).join(""));
  });
  assert.equal(orders.size, 6);
  assert.ok(left.has("empty") && left.has("A*10"), "lost or kept");
});

test("a failed AIO sync reports -EIO, and the next one 0", () => {
  const world = new DiskWorld({ seed: 3 });
  const fd = world.open("f");
  const aio = aioOf(world, 4);
  for (const expected of [-5, 0]) {
    world.fill(fd, "A", 10, 0);
    if (expected < 0) world.libc.disk.failNextSyncs();
    aio.prepare(0, IOCB_CMD_FDSYNC, fd, 1);
    assert.equal(aio.submit(1), 1);
    while (aio.reap() === 0) continue;
    assert.equal(aio.result(0), expected);
  }
});

test("clocks move when told, and by the timeout of a wait where nothing can happen", () => {
  const libc = new SimLibc({ seed: 1 });
  const epoll = libc.epollCreate(0);
  const events = libc.epollEvents(1);
  const startMs = libc.monotonicMs();
  assert.equal(libc.monotonicMs(), startMs);
  const wallMs = libc.wallMs();
  assert.equal(libc.epollWait(epoll, events, 250), 0);
  assert.deepEqual([libc.monotonicMs(), libc.wallMs()], [startMs + 250, wallMs + 250]);
  libc.clock.jumpWall(-1000);
  assert.deepEqual([libc.monotonicMs(), libc.wallMs()], [startMs + 250, wallMs - 750]);
  assert.throws(() => libc.epollWait(epoll, events, -1), SimDeadlock);
  const stepped = new SimLibc({ seed: 1, idle: "return" });
  assert.equal(stepped.epollWait(stepped.epollCreate(0), events, -1), 0);
  assert.throws(() => libc.exit(3), (error) => error instanceof SimExit && error.code === 3);
});

test("processes on one network talk, and a killed one resets what it had not read", () => {
  const server = new SimLibc({ seed: 1, idle: "return" });
  const { disk, clock, network } = server;
  const client = new SimLibc({ seed: 2, disk, clock, network });
  const address = { family: "inet", host: "127.0.0.1", port: 7400 } as const;
  const listener = server.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert.equal(server.bind(listener, address), 0);
  assert.equal(server.listen(listener, 4), 0);
  const socket = client.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert.equal(client.connect(socket, address), 0);
  const epoll = server.epollCreate(0);
  const events = server.epollEvents(4);
  assert.equal(server.epollCtl(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, 1, 2), 0);
  assert.equal(server.epollWait(epoll, events, -1), 1);
  const accepted = server.accept4(listener, SOCK_NONBLOCK);
  const memory = client.allocate(4);
  memory.bytes.set([1, 2, 3, 4]);
  assert.equal(client.send(socket, memory, 0, 4, 0), 4);
  const into = server.allocate(4);
  assert.equal(server.recv(accepted, into, 0, 2, 0), 2);
  assert.deepEqual([...into.bytes], [1, 2, 0, 0]);
  server.crash("kill");
  assert.equal(client.recv(socket, memory, 0, 4, 0), -ECONNRESET);
  assert.equal(client.recv(socket, memory, 0, 4, 0), 0);
});

test("a symbolic link is followed, or refused with O_NOFOLLOW", () => {
  const world = new DiskWorld({ seed: 1 });
  const { libc } = world;
  world.fill(world.open("f"), "A", 3, 0);
  libc.plantLink(DATA + "/link", "f");
  libc.plantLink(DATA + "/loop", "loop");
  assert.equal(world.spell("link"), "A*3");
  assert.equal(libc.openat(world.data, "link", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
  assert.equal(libc.openat(world.data, "loop", O_RDONLY, 0), -ELOOP);
});

/** Some of everything, with crashes and faults, under one seed. */
function scenario(seed: number, hash: TraceHash): void {
  const faults = { shortWrite: 100, shortRead: 100, interrupted: 50, writeError: 20 };
  const world = new DiskWorld({ seed, faults: {}, diskOptions: { faults: { bitRot: 50 } } });
  const { libc } = world;
  libc.observer = hash;
  Object.assign(libc.faults, faults);
  libc.disk.faults.syncFailure = 30;
  const prng = new SimPrng(seed).fork("scenario");
  for (let cycle = 0; cycle < 3; cycle += 1) {
    const aio = aioOf(world, 8);
    const memory = libc.allocate(2048);
    for (let i = 0; i < 40; i += 1) {
      const fd = libc.openat(world.data, "f" + String(prng.below(4)), O_RDWR | O_CREAT, 0o600);
      libc.getrandom(memory, 0, 16);
      libc.pwrite(fd, memory, 0, 1 + prng.below(2048), prng.below(100_000));
      if (prng.chance(20)) libc.ftruncate(fd, prng.below(50_000));
      if (prng.chance(20)) libc.renameat(world.data, "f0", world.data, "f1");
      if (prng.chance(20)) libc.fsync(prng.pick([fd, world.data]));
      if (prng.chance(30)) libc.disk.background();
      if (prng.chance(10)) libc.unlinkat(world.data, "f2", 0);
      aio.prepare(0, IOCB_CMD_FDSYNC, fd, i);
      aio.submit(1);
      aio.reap();
      libc.pread(fd, memory, 0, 2048, prng.below(50_000));
      libc.monotonicMs();
      libc.clock.advance(prng.below(1000) / 7);
      libc.close(fd);
    }
    world.crash(prng.pick(["kill", "power", "power"]));
    hash.text(world.names().join(" "));
  }
}

test("one seed gives one trace, another seed another one, the same on every runtime", () => {
  const digests = new Set<string>();
  const all = new TraceHash();
  for (let seed = 1; seed <= 40; seed += 1) {
    const first = new TraceHash();
    scenario(seed, first);
    const second = new TraceHash();
    scenario(seed, second);
    assert.equal(first.digest(), second.digest());
    digests.add(first.digest());
    all.text(first.digest());
  }
  assert.equal(digests.size, 40);
  assert.equal(all.digest(), TRACE_OF_SEEDS);
});
