/** Reading a log from end to end in pieces of any size: each batch once, none behind damage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchScan } from "../../../src/log/batch_scan.ts";
import { BatchAt, batchBaseOffset } from "../../../src/format/batch.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { batchOfSize, memoryOf } from "../../support/batches.ts";
import { LogWorld } from "../../support/log_world.ts";

const SIZES = [80, 5000, 61 + 20, 300, 70000, 90, 1200];

function written(world: LogWorld): Partition {
  const { partition } = world.open({ segmentBytes: 8192, maxMessageBytes: 100000 });
  for (const size of SIZES) {
    const batch = batchOfSize(size);
    assert.ok(partition.stage(memoryOf(batch, 0), 0, batch.length) >= 0);
    assert.equal(partition.flush(), 0);
  }
  return partition;
}

function scanned(scan: BatchScan): [offset: number, size: number][] {
  const found: [number, number][] = [];
  const visit = (memory: { view: DataView }, at: number, size: number) => {
    found.push([batchBaseOffset(memory.view, at), size]);
  };
  for (let step = 0; scan.step(visit); step += 1) assert.ok(step < 10000, "it ends");
  return found;
}

test("every batch comes once and in order, whatever the pieces are", () => {
  const world = new LogWorld();
  const partition = written(world);
  assert.ok(partition.segments.length > 2);
  for (const piece of [61, 64, 100, 4096, 65536, 1048576]) {
    const scan = new BatchScan(partition, piece);
    assert.deepEqual(scanned(scan), SIZES.map((size, at) => [at, size]), `${piece} bytes`);
    assert.equal(scan.problem, "");
  }
  world.close(partition);
});

test("what is appended while it goes on is not of it, nor what lies below the log start", () => {
  const world = new LogWorld();
  const partition = written(world);
  const scan = new BatchScan(partition, 4096);
  const batch = batchOfSize(100);
  partition.stage(memoryOf(batch, 0), 0, batch.length);
  partition.flush();
  partition.logStart = 2;
  assert.deepEqual(scanned(scan).map(([offset]) => offset), [2, 3, 4, 5, 6]);
  world.close(partition);
});

test("damage ends it, by name, and nothing behind it is handed on", () => {
  const world = new LogWorld();
  const partition = written(world);
  const segment = partition.segments[0]!;
  const wrong = world.libc.allocate(4);
  wrong.bytes.fill(0xaa);
  for (const [at, what] of [[BatchAt.crc, /checksum/], [BatchAt.batchLength, /size/]] as const) {
    world.libc.pwrite(segment.file!.fd, wrong, 0, 4, SIZES[0]! + at);
    const scan = new BatchScan(partition, 4096);
    assert.deepEqual(scanned(scan), [[0, SIZES[0]]]);
    assert.match(scan.problem, what);
  }
  world.close(partition);
});
