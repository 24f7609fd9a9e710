/** Both ends of the background jobs, in one thread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { POSIX_FADV_DONTNEED } from "../../../ffi/constants.ts";
import { emptyJob, JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { Background, runBackground, runJob } from "../../../src/server/background.ts";
import { CacheFiller } from "../../../src/server/cache_filler.ts";
import { CUT_BYTES } from "../../../src/limits.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

const WAKE_FD = 99;

/** A libc that only writes down what it was asked. */
function recorder(): { libc: typeof libc; asked: unknown[][]; writes: number } {
  const faulty = new FaultyLibc(libc);
  const asked: unknown[][] = [];
  const recorded = { libc: faulty.libc, asked, writes: 0 };
  faulty.plan = (call, args) => {
    if (call === "allocate") return undefined;
    if (call === "eventfd") return WAKE_FD;
    if (call === "write") recorded.writes += 1;
    else asked.push([call, ...args]);
    return 0;
  };
  return recorded;
}

test("jobs run in their order, and the worker ends when it is told and nothing is left", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring, () => {});
  background.advise(5, 2 ** 40 + 3, 2 ** 33 + 1, POSIX_FADV_DONTNEED);
  background.close(5);
  background.advise(6, 0, 0, POSIX_FADV_DONTNEED);
  background.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.deepEqual(worker.asked, [
    ["fadvise", 5, 2 ** 40 + 3, 2 ** 33 + 1, POSIX_FADV_DONTNEED],
    ["close", 5],
    ["fadvise", 6, 0, 0, POSIX_FADV_DONTNEED],
    ["close", WAKE_FD],
  ]);
  assert.deepEqual(shard.asked, []);
});

test("the worker raises the shard's eventfd behind every job, and the shard reaps all", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const background = new Background(libc, ring, () => {});
  for (let i = 0; i < 3; i += 1) background.advise(-1, 0, 0, POSIX_FADV_DONTNEED);
  ring.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.equal(worker.writes, 3);
  assert.equal(ring.pending, 3);
  background.reap();
  assert.equal(ring.pending, 0);
  background.wake.close();
});

test("a snapshot is removed by the worker; where the ring is full, not now", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring, () => {});
  const worker = recorder();
  const name = "00000000000000000042.snapshot";
  assert.equal(background.unlinkSnapshot(7, 42), true);
  while (ring.post(1, -1, 0, 0, 0, 0));
  assert.equal(background.unlinkSnapshot(8, 42), false);
  ring.stop();
  runBackground(worker.libc, ring);
  assert.deepEqual(worker.asked.slice(0, 2), [["unlinkat", 7, name, 0], ["close", 7]]);
  assert.deepEqual(shard.asked, []);
});

test("the worker is begun once, behind the first job", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const pending: number[] = [];
  const background = new Background(recorder().libc, ring, () => pending.push(ring.pending));
  assert.deepEqual(pending, []);
  background.close(5);
  background.close(6);
  background.end();
  background.close(7);
  assert.deepEqual(pending, [1]);
  assert.equal(ring.pending, 3);
});

test("at the end no worker is begun: the shard does what is left itself", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring, () => assert.fail("begun"));
  background.end();
  background.close(5);
  background.stop();
  assert.deepEqual(shard.asked, [["close", 5], ["close", WAKE_FD]]);
});

test("what does not fit into the ring until the stop the shard does itself", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring, () => {});
  for (let fd = 0; fd < 300; fd += 1) background.close(fd);
  background.advise(7, 1, 2, 3);
  background.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.deepEqual(worker.asked.pop(), ["close", WAKE_FD]);
  const closed = [...worker.asked, ...shard.asked].filter(([call]) => call === "close");
  assert.deepEqual(closed.map(([, fd]) => fd), [...Array(300).keys()]);
  assert.ok(shard.asked.length > 1 && worker.asked.length > 0);
  assert.deepEqual(shard.asked[0], ["fadvise", 7, 1, 2, 3], "advice at once");
});

/** A shard's end and a worker that runs when it is told to; `asked` is what the worker called. */
class Pair {
  readonly ring: JobRing = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  readonly background: Background = new Background(libc, this.ring, () => {});
  readonly asked: string[] = [];
  readonly #faulty: FaultyLibc = new FaultyLibc(libc);
  readonly #filler: CacheFiller = new CacheFiller(this.#faulty.libc);

  /** `opened` is what opening a file gives. */
  constructor(opened: number = CUT_FD) {
    this.#faulty.plan = (call, args) => {
      this.asked.push([call, ...args.slice(0, 2)].join(" "));
      return call === "openat" ? opened : 0;
    };
  }

  /** Runs so many of the jobs that wait, and has the shard reap them. */
  run(jobs: number): string[] {
    const job = emptyJob();
    for (let i = 0; i < jobs; i += 1) {
      assert.ok(this.ring.pending > i, "there is a job to run");
      assert.ok(this.ring.take(job));
      this.ring.done(runJob(this.#faulty.libc, job, this.#filler));
    }
    this.background.reap();
    return this.asked.splice(0);
  }

  end(): void {
    assert.equal(this.ring.pending, 0, "nothing is left to do");
    this.background.wake.close();
  }
}

const CUT_FD = 77;
const [DIRECTORY, READER] = [50, 60];
const NAME = "00000000000000000042";
const UNLINKS = [
  `unlinkat ${DIRECTORY} ${NAME}.log`,
  `unlinkat ${DIRECTORY} ${NAME}.index`,
  `unlinkat ${DIRECTORY} ${NAME}.timeindex`,
  `close ${DIRECTORY}`,
];

test("a large segment is cut in slices, with other jobs in between", () => {
  const pair = new Pair();
  assert.ok(pair.background.unlink(DIRECTORY, 42, 2 * CUT_BYTES + 5, -1));
  assert.deepEqual(pair.run(1), [`openat ${DIRECTORY} ${NAME}.log`, ...UNLINKS]);
  pair.background.close(9);
  assert.deepEqual(pair.run(2), [`ftruncate ${CUT_FD} ${CUT_BYTES + 5}`, "close 9"]);
  assert.deepEqual(pair.run(1), [`ftruncate ${CUT_FD} 5`]);
  assert.deepEqual(pair.run(1), [`ftruncate ${CUT_FD} 0`]);
  assert.deepEqual(pair.run(1), [`close ${CUT_FD}`]);
  pair.end();
});

test("nothing of a segment is cut while the shard reads it", () => {
  for (const closesEarly of [false, true]) {
    const pair = new Pair();
    assert.ok(pair.background.unlink(DIRECTORY, 42, CUT_BYTES + 1, READER));
    if (closesEarly) pair.background.close(READER);
    else {
      assert.deepEqual(pair.run(1), [`openat ${DIRECTORY} ${NAME}.log`, ...UNLINKS]);
      assert.equal(pair.ring.pending, 0, "it waits for the reader");
      pair.background.close(READER);
    }
    const calls = closesEarly ? pair.run(2).slice(UNLINKS.length + 1) : pair.run(1);
    assert.deepEqual(calls, [`close ${READER}`]);
    assert.deepEqual(pair.run(1), [`ftruncate ${CUT_FD} 1`]);
    assert.deepEqual(pair.run(1), [`ftruncate ${CUT_FD} 0`]);
    assert.deepEqual(pair.run(1), [`close ${CUT_FD}`]);
    pair.end();
  }
});

test("a small segment is removed at once", () => {
  const pair = new Pair();
  assert.ok(pair.background.unlink(DIRECTORY, 42, CUT_BYTES, READER));
  assert.deepEqual(pair.run(1), UNLINKS);
  pair.background.close(READER);
  assert.deepEqual(pair.run(1), [`close ${READER}`]);
  pair.end();
});

test("what is being freed and what is held by a reader are counted until they are gone", () => {
  const pair = new Pair();
  const { background } = pair;
  const counted = () => [background.freeingBytes, background.heldBytes];
  background.unlink(DIRECTORY, 42, 1000, -1);
  background.unlink(DIRECTORY, 43, 2000, READER);
  background.unlink(DIRECTORY, 44, CUT_BYTES + 3000, -1);
  background.unlink(DIRECTORY, 45, CUT_BYTES + 4000, READER + 1);
  assert.deepEqual(counted(), [CUT_BYTES + 4000, CUT_BYTES + 6000]);
  pair.run(4);
  assert.deepEqual(counted(), [CUT_BYTES + 3000, CUT_BYTES + 6000]);
  for (let i = 0; i < 3; i += 1) pair.run(1); // two slices, and closed
  assert.deepEqual(counted(), [0, CUT_BYTES + 6000]);
  background.close(READER);
  assert.deepEqual(counted(), [2000, CUT_BYTES + 4000]);
  background.close(READER + 1);
  assert.deepEqual(counted(), [CUT_BYTES + 6000, 0]);
  pair.run(2);
  assert.deepEqual(counted(), [CUT_BYTES + 4000, 0], "the small one went with its close");
  pair.run(1);
  assert.deepEqual(counted(), [4000, 0]);
  pair.run(1);
  pair.run(1);
  assert.deepEqual(counted(), [0, 0]);
  pair.end();
});

test("a large file that cannot be opened to be cut is freed by whoever closes it last", () => {
  for (const closesEarly of [false, true]) {
    const pair = new Pair(-2);
    const { background } = pair;
    background.unlink(DIRECTORY, 42, CUT_BYTES + 1, -1);
    background.unlink(DIRECTORY, 43, CUT_BYTES + 2, READER);
    if (closesEarly) background.close(READER);
    pair.run(closesEarly ? 3 : 2);
    if (!closesEarly) {
      assert.deepEqual([background.freeingBytes, background.heldBytes], [0, CUT_BYTES + 2]);
      background.close(READER);
      pair.run(1);
    }
    assert.deepEqual([background.freeingBytes, background.heldBytes], [0, 0]);
    pair.end();
  }
});

test("with a full ring a segment stays, and a stop closes what is being cut", () => {
  const pair = new Pair();
  while (pair.ring.post(2, 1, 0, 0, 0, 0));
  assert.equal(pair.background.unlink(DIRECTORY, 42, 9, -1), false);
  pair.run(pair.ring.pending);
  assert.ok(pair.background.unlink(DIRECTORY, 42, 2 * CUT_BYTES, -1));
  pair.run(1);
  pair.background.stop();
  assert.deepEqual(pair.run(2), [`ftruncate ${CUT_FD} ${CUT_BYTES}`, `close ${CUT_FD}`]);
});

test("with no room in the ring a descriptor is closed later, behind all that know it", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring, () => {});
  let posted = 0;
  while (background.read(5, 0, 1, true)) posted += 1;
  background.close(5);
  background.close(6);
  assert.deepEqual(shard.asked.filter(([call]) => call === "close"), []);
  const worker = recorder();
  const [job, filler] = [emptyJob(), new CacheFiller(worker.libc)];
  const work = () => {
    while (ring.pending > 0) {
      ring.take(job);
      ring.done(runJob(worker.libc, job, filler));
      background.reap();
    }
  };
  work();
  const closed = worker.asked.filter(([call]) => call === "close").map(([, fd]) => fd);
  assert.deepEqual(closed.sort(), [5, 6]);
  const firstClose = worker.asked.findIndex(([call]) => call === "close");
  const reads = worker.asked.slice(0, firstClose).filter(([call]) => call === "readahead");
  assert.equal(reads.length, posted, "all that was posted before");
  background.stop();
});
