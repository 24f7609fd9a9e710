/** Syncs of many files at once: every file is synced once and its result is its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { EAGAIN, EBADF, EFD_NONBLOCK, EIO, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import type { Aio, Libc } from "../../../ffi/libc.ts";
import { must } from "../../../src/log/files.ts";
import { Wake, Waker } from "../../../src/net/poller.ts";
import { AioSyncs, TRIAL_TAG } from "../../../src/server/many_syncs.ts";
import { FakeAio } from "../../support/fake_aio.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

const NO_FILE_SYSTEM = { fileSystemFd: -1, fileSystemFilesMin: 2 };

function openFiles(world: LogWorld, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    return must(libc.openat(world.dataFd, `f${i}`, O_RDWR | O_CREAT, 0o600), "open");
  });
}

/** Ends what is in flight at each reap, the newest first; -EIO for the descriptor `bad`. */
class LateAio extends FakeAio {
  readonly synced: number[] = [];
  bad = -1;

  override reap(): number {
    while (this.inFlight.length > 0) {
      const { fd } = this.inFlight[this.inFlight.length - 1]!;
      this.synced.push(fd);
      this.finish(this.inFlight.length - 1, fd === this.bad ? -EIO : 0);
    }
    return super.reap();
  }
}

/** What a group of `fds` hears; its wake is raised by every submission. */
function syncBy(context: Aio, fds: readonly number[], from: Libc = libc): number[] {
  const wake = new Wake(libc, EFD_NONBLOCK);
  const waker = new Waker(libc, wake.fd);
  const submit = context.submit.bind(context);
  context.submit = (count) => {
    waker.raise();
    return submit(count);
  };
  const results: number[] = [];
  new AioSyncs(from, { aio: { context, wake }, ...NO_FILE_SYSTEM }).sync(fds, results);
  wake.close();
  return results;
}

test("real files, more than may be in flight; a descriptor that is none is said", () => {
  const world = new LogWorld();
  const fds = openFiles(world, 9);
  const wake = new Wake(libc, EFD_NONBLOCK);
  const context = libc.openAio(4, wake.fd);
  if (typeof context === "number") throw new Error("AIO is refused here");
  const syncs = new AioSyncs(libc, { aio: { context, wake }, ...NO_FILE_SYSTEM });
  const results: number[] = [];
  syncs.sync([...fds.slice(0, 5), 99_999, ...fds.slice(5)], results);
  assert.deepEqual(results, [0, 0, 0, 0, 0, -EBADF, 0, 0, 0, 0]);
  context.close();
  wake.close();
  for (const fd of fds) libc.close(fd);
  world.end();
});

test("each hears its own result, whatever the order; the trial's is nobody's", () => {
  const aio = new LateAio(3);
  aio.prepare(0, 0, 1000, TRIAL_TAG);
  aio.submit(1);
  aio.bad = 14;
  assert.deepEqual(syncBy(aio, [10, 11, 12, 13, 14, 15, 16].slice(0, 2)), [0, 0]);
  assert.deepEqual(syncBy(aio, [10, 11, 12, 13, 14, 15, 16]), [0, 0, 0, 0, -EIO, 0, 0]);
  assert.equal(aio.synced.length, 1 + 2 + 7, "each once");
});

test("what the kernel does not take is synced here", () => {
  const world = new LogWorld();
  const fds = openFiles(world, 3);
  const aio = new LateAio(8);
  aio.takes = -EAGAIN;
  const counted = new FaultyLibc(libc);
  assert.deepEqual(syncBy(aio, fds, counted.libc), [0, 0, 0]);
  assert.equal(counted.count("fsync"), 3);
  for (const fd of fds) libc.close(fd);
  world.end();
});

test("without AIO one after another; from so many files on by one syncfs, where it may be", () => {
  const world = new LogWorld();
  const fds = openFiles(world, 3);
  const counted = new FaultyLibc(libc);
  const results: number[] = [];
  new AioSyncs(counted.libc, { aio: null, ...NO_FILE_SYSTEM }).sync(fds, results);
  assert.deepEqual([results, counted.count("fsync")], [[0, 0, 0], 3]);
  counted.plan = (call) => call === "syncfs" ? -EIO : undefined;
  const options = { aio: null, fileSystemFd: world.dataFd, fileSystemFilesMin: 3 };
  const syncs = new AioSyncs(counted.libc, options);
  syncs.sync(fds, results);
  assert.deepEqual([results, counted.count("syncfs")], [[-EIO, -EIO, -EIO], 1]);
  syncs.sync(fds.slice(1), results);
  assert.deepEqual([counted.count("fsync"), counted.count("syncfs")], [5, 1]);
  for (const fd of fds) libc.close(fd);
  world.end();
});
