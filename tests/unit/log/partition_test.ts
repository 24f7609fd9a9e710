/** Staging, flushing, rolling and syncing a partition on the real disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EDQUOT, EFBIG, EINTR, EIO, ENOSPC, errnoName } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import { VECTOR_ENTRIES_MAX } from "../../../src/limits.ts";
import { PartitionKind } from "../../../src/log/opened_log.ts";
import type { Partition } from "../../../src/log/partition.ts";
import {
  batchOf,
  batchOfSize,
  concat,
  memoryOf,
  randomBatch,
  sameBytes,
  stamped,
  walkBatches,
} from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";
import { wantLogStart } from "../../../src/log/log_start.ts";

const FIRST = "00000000000000000000.log";

test("a batch is stamped with the next offset and the epoch, and written as it came", () => {
  const world = new LogWorld();
  const { partition } = world.open({}, { epoch: 7 });
  const one = batchOf([new Uint8Array(3), new Uint8Array(4)]);
  const two = batchOf([new Uint8Array(9)]);
  assert.equal(world.stage(partition, one), 0);
  assert.equal(world.stage(partition, two), 2);
  assert.equal(partition.hasStaged, true);
  assert.equal(partition.stagedEnd, 3);
  assert.equal(partition.written.offset, 0);
  assert.equal(partition.flush(), 0);
  assert.equal(partition.hasStaged, false);
  assert.equal(partition.written.offset, 3);
  assert.deepEqual(world.file(FIRST), concat([stamped(one, 0, 7), stamped(two, 2, 7)]));
  assert.equal(world.store.counters.writes, 1);
  world.close(partition);
});

test("a flush with nothing staged writes nothing", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  assert.equal(partition.flush(), 0);
  assert.equal(world.store.counters.writes, 0);
  assert.equal(partition.needsSync, false);
  assert.equal(partition.isSynced, true);
  world.close(partition);
});

test("more batches than a vector holds are written by more calls", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const batch = batchOf([new Uint8Array(1)]);
  const memory = memoryOf(batch);
  for (let i = 0; i <= VECTOR_ENTRIES_MAX; i += 1) {
    // Each batch from memory of its own: what is staged must stay as it is until it is written.
    const own = i === 0 ? memory : memoryOf(batch);
    assert.equal(partition.stage(own, 0, batch.length), i);
  }
  assert.equal(partition.flush(), 0);
  assert.equal(world.store.counters.writes, 2);
  const walked = walkBatches(world.file(FIRST));
  assert.deepEqual(
    walked.map(({ baseOffset }) => baseOffset),
    Array.from({ length: VECTOR_ENTRIES_MAX + 1 }, (_, i) => i),
  );
  world.close(partition);
});

test("level fsync: consumers see only what a sync covered that began after the write", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, batchOf([new Uint8Array(10)]));
  assert.equal(partition.visible.offset, 0);
  assert.equal(partition.needsSync, true);
  const fds: number[] = [];
  assert.equal(partition.beginSync(fds, false), 1);
  assert.equal(fds[0], partition.active.file!.fd);
  world.append(partition, batchOf([new Uint8Array(10)])); // while the sync runs
  assert.throws(() => partition.beginSync([], false), "one sync in flight");
  assert.equal(partition.endSync(0), true);
  assert.equal(partition.durable.offset, 1);
  assert.equal(partition.visible.offset, 1);
  assert.equal(partition.written.offset, 2);
  assert.equal(partition.isSynced, false);
  world.sync(partition);
  assert.equal(partition.visible.offset, 2);
  assert.equal(partition.isSynced, true);
  assert.throws(() => partition.endSync(0), "no sync is in flight");
  world.close(partition);
});

for (const durability of [Level.os, Level.interval]) {
  test(`level ${durability}: consumers see what was written at once`, () => {
    const world = new LogWorld();
    const { partition } = world.open({ durability });
    world.append(partition, batchOf([new Uint8Array(10)]));
    assert.equal(partition.visible.offset, 1);
    assert.equal(partition.durable.offset, 0);
    assert.equal(partition.needsSync, durability === Level.interval);
    assert.equal(partition.isSynced, false);
    world.sync(partition, true);
    assert.equal(partition.durable.offset, 1);
    assert.equal(partition.isSynced, true);
    world.close(partition);
  });
}

/** Random turns; after each the order of the ends, and the bytes, are as they must be. */
test("the ends keep their order through random turns and overlapping syncs", () => {
  forSeeds(40, (prng) => {
    const world = new LogWorld();
    const durability = prng.pick([Level.os, Level.interval, Level.fsync]);
    const { partition } = world.open({ durability, segmentBytes: prng.between(1024, 6000) });
    const expected: Uint8Array[] = [];
    let inFlight: number[] = [];
    for (let turn = 0; turn < 30; turn += 1) {
      for (let i = prng.below(4); i > 0; i -= 1) {
        const batch = randomBatch(prng, 4, prng.pick([20, 20, 700]));
        const base = world.stage(partition, batch);
        expected.push(stamped(batch, base, 0));
      }
      checkEnds(partition);
      assert.equal(partition.flush(), 0);
      partition.turnDone();
      checkEnds(partition);
      while (inFlight.length > 0 && prng.chance(60)) {
        partition.endSync(libcWithoutSyncs.fdatasync(inFlight.pop()!));
      }
      checkEnds(partition);
      if (partition.syncsPending === 0 && partition.needsSync && prng.chance(70)) {
        const fds: number[] = [];
        partition.beginSync(fds, prng.chance(20));
        inFlight = fds;
      }
    }
    for (const fd of inFlight) partition.endSync(libcWithoutSyncs.fdatasync(fd));
    for (let i = 0; i < 3; i += 1) if (!partition.isSynced) world.sync(partition, true);
    assert.equal(partition.durable.offset, partition.written.offset);
    assert.deepEqual(concat(world.readAll(partition)), concat(expected));
    assert.deepEqual(concat([...world.logs().values()]), concat(expected));
    world.close(partition);
  });
});

function checkEnds(partition: Partition): void {
  const { logStart, visible, durable, written, stagedEnd } = partition;
  assert.ok(logStart <= visible.offset, "log start <= visible");
  assert.ok(visible.offset <= written.offset, "visible <= written");
  assert.ok(durable.offset <= written.offset, "durable <= written");
  assert.ok(written.offset <= stagedEnd, "written <= staged");
  const fsync = partition.config.durability === Level.fsync;
  assert.equal(visible.offset, fsync ? durable.offset : written.offset);
}

/** A world whose writes can be made to fail, with one durable batch in it. */
function faultyWorld(config: Partial<TopicConfig> = {}): {
  faulty: FaultyLibc;
  world: LogWorld;
  partition: Partition;
} {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open(config);
  world.append(partition, batchOfSize(300, 1));
  world.sync(partition);
  return { faulty, world, partition };
}

test("a write cut short anywhere, and one interrupted, goes on where it stopped", () => {
  for (let cut = 1; cut < 500; cut += 7) {
    const { faulty, world, partition } = faultyWorld();
    faulty.failNth("pwritev", 1, { short: cut });
    world.append(partition, batchOfSize(200, 2), batchOfSize(299, 3));
    faulty.failNth("pwritev", 1, -EINTR);
    world.append(partition, batchOfSize(100, 4));
    const expected = [batchOfSize(300, 1), batchOfSize(200, 2), batchOfSize(299, 3)];
    const all = [...expected, batchOfSize(100, 4)].map((batch, i) => stamped(batch, i, 0));
    sameBytes(world.file(FIRST), concat(all), `cut at ${cut}`);
    assert.equal(partition.written.offset, 4);
    world.close(partition);
  }
});

for (const errno of [ENOSPC, EDQUOT, EFBIG]) {
  test(`-${errnoName(errno)}: the turn is refused, the file cut back, the next goes on`, () => {
    for (const before of [0, 1, 150, 299]) {
      const { faulty, world, partition } = faultyWorld();
      let calls = 0;
      faulty.plan = (call) => {
        if (call !== "pwritev") return undefined;
        calls += 1;
        return calls === 1 && before > 0 ? { short: before } : -errno;
      };
      assert.equal(world.stage(partition, batchOfSize(200, 2)), 1);
      assert.equal(world.stage(partition, batchOfSize(300, 3)), 2);
      assert.equal(partition.flush(), ErrorCodes.disk_full);
      sameBytes(world.file(FIRST), stamped(batchOfSize(300, 1), 0, 0), "as before the turn");
      assert.equal(partition.stagedEnd, 1);
      assert.equal(world.stage(partition, batchOfSize(90)), -ErrorCodes.disk_full, "same turn");
      assert.equal(partition.broken, false);
      partition.turnDone();
      faulty.heal();
      if (errno !== EFBIG) {
        assert.equal(world.stage(partition, batchOfSize(90)), -ErrorCodes.disk_full, "till a look");
      }
      world.store.disk.look();
      world.append(partition, batchOfSize(250, 4));
      world.sync(partition);
      const all = concat([stamped(batchOfSize(300, 1), 0, 0), stamped(batchOfSize(250, 4), 1, 0)]);
      sameBytes(concat(world.readAll(partition)), all, "it went on");
      world.close(partition);
      const again = new LogWorld({ root: world.root });
      const { report, partition: reopened } = again.open();
      assert.equal(report.bytesDropped, 0);
      assert.equal(reopened.written.offset, 2);
      again.close(reopened);
    }
  });
}

test("EIO and a write of nothing break the partition for good; reads go on", () => {
  for (const result of [-EIO, 0, -EBADF]) {
    const { faulty, world, partition } = faultyWorld();
    assert.equal(world.stage(partition, batchOfSize(200, 2)), 1);
    faulty.failNth("pwritev", 1, result);
    assert.equal(partition.flush(), ErrorCodes.storage_failed);
    assert.equal(partition.broken, true);
    partition.turnDone();
    assert.equal(world.stage(partition, batchOfSize(200, 2)), -ErrorCodes.storage_failed);
    assert.equal(partition.visible.offset, 1);
    assert.equal(walkBatches(world.read(partition, 0, 1000) as Uint8Array).length, 1);
    world.close(partition);
  }
});

test("a full disk whose file cannot be cut back breaks the partition", () => {
  const { faulty, world, partition } = faultyWorld();
  assert.equal(world.stage(partition, batchOfSize(200, 2)), 1);
  faulty.plan = (call) => {
    if (call === "pwritev") return -ENOSPC;
    return call === "ftruncate" ? -EIO : undefined;
  };
  assert.equal(partition.flush(), ErrorCodes.storage_failed);
  assert.equal(partition.broken, true);
  world.close(partition);
});

test("a roll that finds no room refuses the batch and keeps what was staged before it", () => {
  const { faulty, world, partition } = faultyWorld({ segmentBytes: 1024 });
  assert.equal(world.stage(partition, batchOfSize(600, 2)), 1);
  faulty.plan = (call) => call === "openat" ? -ENOSPC : undefined;
  assert.equal(world.stage(partition, batchOfSize(600, 3)), -ErrorCodes.disk_full);
  assert.equal(partition.written.offset, 2, "the roll has flushed");
  partition.turnDone();
  faulty.heal();
  world.store.disk.look();
  world.append(partition, batchOfSize(600, 3));
  assert.deepEqual(partition.segments.map(({ baseOffset }) => baseOffset), [0, 2]);
  world.close(partition);
});

test("a failed sync is final, whichever descriptor it was", () => {
  for (let failing = 0; failing < 8; failing += 1) {
    const { world, partition } = faultyWorld({ segmentBytes: 1024 });
    for (let i = 0; i < 5; i += 1) world.append(partition, batchOfSize(500, i));
    const fds: number[] = [];
    assert.equal(partition.beginSync(fds, false), 8);
    for (let i = 0; i < 8; i += 1) {
      assert.equal(partition.endSync(i === failing ? -EIO : 0), false);
    }
    assert.equal(partition.broken, true);
    assert.equal(partition.failure, ErrorCodes.storage_failed);
    assert.equal(partition.durable.offset, 1, "nothing of it is durable");
    assert.equal(partition.visible.offset, 1);
    assert.equal(world.stage(partition, batchOfSize(90)), -ErrorCodes.storage_failed);
    world.close(partition);
  }
});

/** A batch of `count` records of producer 7. */
function numbered(sequence: number, count: number = 1, epoch: number = 0): Uint8Array {
  const values = Array.from({ length: count }, () => new Uint8Array(20));
  return batchOf(values, { producerId: 7, producerEpoch: epoch, baseSequence: sequence });
}

test("a retry is not written and has its old offset, over restarts too", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, numbered(0, 2), batchOfSize(100), numbered(2, 3));
  const { size } = partition.active;
  for (const [sequence, count, base] of [[2, 3, 3], [0, 2, 0]] as const) {
    assert.equal(world.stage(partition, numbered(sequence, count)), -ErrorCodes.duplicate_sequence);
    assert.equal(partition.producers.duplicateOffset, base);
  }
  assert.equal(world.stage(partition, numbered(6)), -ErrorCodes.out_of_order_sequence);
  assert.equal(world.stage(partition, numbered(2, 2)), -ErrorCodes.out_of_order_sequence);
  assert.equal(world.stage(partition, numbered(5, 1, 1)), -ErrorCodes.out_of_order_sequence);
  assert.equal(partition.hasStaged, false);
  world.append(partition, numbered(0, 1, 1));
  assert.equal(world.stage(partition, numbered(5)), -ErrorCodes.invalid_producer_epoch);
  assert.ok(partition.active.size > size);
  world.sync(partition);
  world.close(partition);
  for (const clean of [true, false]) {
    const again = new LogWorld({ root: world.root });
    const { partition: next } = again.open({}, {
      clean,
      recoveryPoint: clean ? 7 : 0,
      logStart: 0,
    });
    const code = again.stage(next, numbered(0, 1, 1));
    assert.equal(code, -ErrorCodes.duplicate_sequence, `clean: ${clean}`);
    assert.equal(next.producers.duplicateOffset, 6);
    again.close(next);
  }
});

test("a write that fails takes back what producers and epochs were told", () => {
  const { faulty, world, partition } = faultyWorld();
  world.append(partition, numbered(0));
  assert.equal(world.stage(partition, numbered(1)), 2);
  assert.equal(world.stage(partition, numbered(0, 1, 5)), 3);
  faulty.failNth("pwritev", 1, -ENOSPC);
  assert.equal(partition.flush(), ErrorCodes.disk_full);
  partition.turnDone();
  assert.equal(world.stage(partition, numbered(0)), -ErrorCodes.duplicate_sequence);
  world.store.disk.look();
  world.append(partition, numbered(1));
  assert.equal(partition.written.offset, 3);
  assert.deepEqual(partition.epochs.entries, [{ epoch: 0, startOffset: 0 }]);
  world.sync(partition);
  world.close(partition);
});

test("a copied batch is taken as it is: offsets may skip, and neither they nor epochs fall", () => {
  const world = new LogWorld();
  const { partition } = world.open({}, { epoch: 1, kind: PartitionKind.copied });
  const stage = (base: number, epoch: number) => {
    const batch = stamped(batchOf([new Uint8Array(9), new Uint8Array(9)]), base, epoch);
    return partition.stageVerbatim(memoryOf(batch, 7), 7, batch.length);
  };
  assert.equal(stage(10, 4), 10);
  assert.equal(stage(12, 4), 12);
  assert.equal(stage(13, 4), -ErrorCodes.batch_invalid, "inside the last one");
  assert.equal(stage(20, 3), -ErrorCodes.batch_invalid, "an older epoch");
  assert.equal(stage(20, 9), 20);
  assert.equal(partition.flush(), 0);
  world.sync(partition);
  const epochs = new TextDecoder().decode(world.file("leader-epoch-checkpoint"));
  assert.equal(epochs, "0\n2\n4 10\n9 20\n");
  const batches = walkBatches(world.file(FIRST));
  assert.deepEqual(batches.map(({ baseOffset }) => baseOffset), [10, 12, 20]);
  assert.deepEqual(batches[2]!.bytes.slice(12, 16), new Uint8Array([0, 0, 0, 9]));
  const read = world.read(partition, 15, 100) as Uint8Array;
  assert.equal(walkBatches(read)[0]!.baseOffset, 20, "a gap is read over");
  world.close(partition);
});

test("an abandoned partition lets go of every file, and a sync in flight may still report", () => {
  for (const isSyncing of [false, true]) {
    const { faulty, world, partition } = faultyWorld({ segmentBytes: 1024 });
    for (let i = 0; i < 4; i += 1) world.append(partition, batchOfSize(700, i));
    const fds: number[] = [];
    if (isSyncing) partition.beginSync(fds, true);
    assert.equal(world.stage(partition, batchOfSize(100)), 5);
    const writes = world.store.counters.writes;
    partition.abandon();
    partition.abandon();
    for (const _ of fds) assert.equal(partition.endSync(0), false);
    assert.equal(partition.needsSync, false);
    assert.equal(world.stage(partition, batchOfSize(100)), -ErrorCodes.topic_not_found);
    assert.equal(partition.flush(), 0);
    assert.equal(wantLogStart(partition, 1), ErrorCodes.topic_not_found);
    assert.equal(world.store.counters.writes, writes, "what was staged is not written");
    world.end();
    assert.equal(faulty.opened, faulty.count("close"), `syncing: ${isSyncing}`);
  }
});
