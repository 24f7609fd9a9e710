/** The scan of one segment: what it lets through, where it stops and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError } from "../../../src/log/files.ts";
import { openSegment } from "../../../src/log/recovery_files.ts";
import { RecoveryScan } from "../../../src/log/recovery_scan.ts";
import { batchOf, concat, encodeBatch, encodeRecord, stamped } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

const FIRST = "00000000000000000000.log";

interface Scanned {
  readonly world: LogWorld;
  readonly scan: RecoveryScan;
  /** Runs over `batches` as the only segment. */
  run(batches: readonly Uint8Array[], until?: number): number;
}

function scanner(faulty: FaultyLibc = new FaultyLibc(libcWithoutSyncs)): Scanned {
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  world.store.drop(partition.active);
  const told: number[] = [];
  const scan = new RecoveryScan(world.store, (bytes) => void told.push(bytes));
  const run = (batches: readonly Uint8Array[], until: number = Infinity) => {
    world.write(FIRST, concat(batches));
    const segment = openSegment(world.store, DIRECTORY, 0);
    try {
      return scan.run(segment, 0, until);
    } finally {
      world.store.drop(segment);
      assert.equal(told[told.length - 1] ?? 0, scan.bytesScanned, "progress is told");
    }
  };
  return { world, scan, run };
}

/** A batch of `count` records at `base`. */
function at(base: number, count: number, epoch: number = 1): Uint8Array {
  const values = Array.from({ length: count }, (_, i) => new Uint8Array(10 + i));
  return stamped(batchOf(values), base, epoch);
}

/** What compaction leaves of a batch: one record of the offsets base to base + delta. */
function compacted(base: number, delta: number): Uint8Array {
  const record = encodeRecord({ value: new Uint8Array(9) }, delta);
  return encodeBatch(record, 1, { baseOffset: base, epoch: 1, lastOffsetDelta: delta });
}

test("it ends behind the last batch, at an offset it is told, or before the first bad one", () => {
  const { world, scan, run } = scanner();
  const batches = [at(0, 2), at(2, 3), at(5, 1)];
  const sizes = batches.map(({ length }) => length);
  assert.equal(run(batches), sizes[0]! + sizes[1]! + sizes[2]!);
  assert.deepEqual([scan.expected, scan.epoch, scan.stoppedAt], [6, 1, ""]);
  scan.expected = 0;
  assert.equal(run(batches, 3), sizes[0]! + sizes[1]!, "the batch that reaches it is scanned");
  assert.equal(scan.expected, 5);
  scan.expected = 0;
  assert.equal(run([batches[0]!, batches[2]!]), sizes[0]);
  assert.match(scan.stoppedAt, /0\.log at \d+: offset$/);
  assert.equal(scan.expected, 2);
  scan.expected = 0;
  assert.equal(run([batches[0]!, batches[1]!.with(80, batches[1]![80]! ^ 1)]), sizes[0]);
  assert.match(scan.stoppedAt, /: crc$/);
  world.end();
});

test("an older epoch is stale; below the recovery point the epoch file has the last word", () => {
  const { world, scan, run } = scanner();
  const flipped = [at(0, 2, 1 << 20), at(2, 3, 4), at(5, 1, 4)];
  assert.equal(run(flipped), flipped[0]!.length, "above it nobody knows better");
  assert.match(scan.stoppedAt, /: epoch$/);
  scan.expected = 0;
  scan.epoch = 0;
  scan.knows(2, 4);
  assert.equal(run(flipped), concat(flipped).length);
  assert.equal(scan.epoch, 4);
  world.end();
});

test("what compaction took is missing only where a log may be compacted", () => {
  const { world, scan, run } = scanner();
  const batches = [at(0, 2), compacted(2, 5), at(12, 1)];
  const sizes = batches.map(({ length }) => length);
  assert.equal(run(batches), sizes[0], "not in a dense log");
  assert.match(scan.stoppedAt, /: count$/);
  scan.isDense = false;
  scan.expected = 0;
  assert.equal(run(batches), sizes[0], "nor above the recovery point");
  scan.expected = 0;
  scan.knows(8, Infinity);
  assert.equal(run(batches, 8), sizes[0]! + sizes[1]!, "below it");
  scan.knows(0, Infinity);
  scan.expected = 0;
  scan.allowsGaps = true;
  assert.equal(run(batches), concat(batches).length, "or where there is no recovery point");
  assert.equal(scan.expected, 13);
  scan.expected = 0;
  assert.equal(run([at(3, 1), at(2, 1)]), at(3, 1).length, "offsets never fall");
  scan.expected = 0;
  const wrong = compacted(2, 5);
  assert.equal(run([at(0, 2), wrong.with(70, wrong[70]! ^ 1)]), sizes[0], "its checksum counts");
  world.end();
});

test("a read that fails is an error and no end of the log", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const { world, run } = scanner(faulty);
  const batches = [at(0, 2), at(2, 3)];
  for (const result of [-5, 0]) {
    faulty.failNth("pread", 1, result);
    assert.throws(() => run(batches), StorageError, `${result}`);
  }
  faulty.failNth("pread", 1, { short: 10 });
  assert.equal(run(batches), concat(batches).length, "a short read goes on");
  world.end();
});
