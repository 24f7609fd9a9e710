/** What recovery says of a log: its kind, its damage, where it begins and ends. */
import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { PartitionKind } from "../../../src/log/opened_log.ts";
import { batchOfSize, concat, sameBytes, stamped, walkBatches } from "../../support/batches.ts";
import { LogWorld } from "../../support/log_world.ts";

const FIRST = "00000000000000000000.log";

/** Five segments of two batches, offsets 0 to 9, all known to be on disk. */
function fiveSegments(): { root: string; names: string[]; logs: Map<string, Uint8Array> } {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 10; i += 1) world.append(partition, batchOfSize(500, i));
  world.sync(partition);
  world.close(partition);
  return { root: world.root, names: world.names(".log"), logs: world.logs() };
}

test("what was on disk and is not: named, kept, the rest served, also the next time", () => {
  const harms: [
    label: string,
    harm: (world: LogWorld, names: string[]) => void,
    RegExp,
    number[],
  ][] = [
    ["a segment is missing", (world, names) => unlinkSync(world.path(names[2]!)), /4 to 5/, [4, 5]],
    ["the first is missing", (world, names) => unlinkSync(world.path(names[0]!)), /0 to 1/, [0, 1]],
    ["the last is missing", (world, names) => unlinkSync(world.path(names[4]!)), /ends at.* 8/, [
      8,
      9,
    ]],
    [
      "the log ends early",
      (world, names) => {
        world.write(names[4]!, world.file(names[4]!).slice(0, 700));
      },
      /offsets 9 to 9/,
      [9],
    ],
    [
      "one in the middle ends early",
      (world, names) => {
        world.write(names[1]!, world.file(names[1]!).slice(0, 500));
      },
      /at 500: offsets 3 to 3/,
      [3],
    ],
    [
      "a header is wrong",
      (world, names) => {
        world.write(names[3]!, world.file(names[3]!).with(7, 77));
      },
      /offsets [67] to 7/,
      [6, 7],
    ],
  ];
  for (const [label, harm, words, lost] of harms) {
    const { root, names } = fiveSegments();
    harm(new LogWorld({ root }), names);
    const before = new LogWorld({ root }).logs();
    for (const clean of [false, false, true]) {
      const world = new LogWorld({ root });
      const how = { recoveryPoint: 10, logStart: 0, clean };
      const { partition, report } = world.open({ segmentBytes: 1024 }, how);
      // A clean stop believes sealed segments: then the reads say it.
      if (!clean) {
        assert.match(partition.degraded, words, label);
        assert.equal(report.degraded, partition.degraded);
        assert.equal(
          world.stage(partition, batchOfSize(90)),
          -ErrorCodes.partition_degraded,
          label,
        );
        for (let offset = 0; offset < 10; offset += 1) {
          const read = world.read(partition, offset, 1);
          if (lost.includes(offset)) assert.ok(typeof read === "number", `${label}: ${offset}`);
          else assert.ok(typeof read !== "number", `${label}: ${offset}: ${read}`);
        }
        assert.equal(report.bytesDropped, 0, label);
        assert.equal(partition.beginCheckpoint(), false, label);
        assert.deepEqual(world.logs(), before, label);
      }
      world.close(partition);
    }
  }
});

test("torn above the recovery point is cut, corrupt below it never", () => {
  for (const recoveryPoint of [0, 8, 9, 10]) {
    const { root, names } = fiveSegments();
    const world = new LogWorld({ root });
    const last = world.file(names[4]!);
    world.write(names[4]!, last.with(700, last[700]! ^ 1)); // in the batch of offset 9
    const { partition } = world.open({ segmentBytes: 1024 }, { recoveryPoint, logStart: 0 });
    const isTorn = recoveryPoint <= 9;
    assert.equal(partition.degraded === "", isTorn, `${recoveryPoint}`);
    assert.equal(world.file(names[4]!).length, isTorn ? 500 : 1000, `${recoveryPoint}`);
    assert.equal(partition.written.offset, 9);
    world.close(partition);
  }
});

test("a deletion that was cut off is finished, and nothing above the log start goes", () => {
  const { root, names } = fiveSegments();
  unlinkSync(new LogWorld({ root }).path(names[1]!)); // unlinked out of order before a power cut
  for (const logStart of [5, 6]) {
    const world = new LogWorld({ root });
    const { partition } = world.open({ segmentBytes: 1024 }, { recoveryPoint: 10, logStart });
    assert.equal(partition.degraded, "");
    assert.equal(partition.logStart, logStart);
    assert.deepEqual(world.names(".log"), names.slice(logStart === 5 ? 2 : 3));
    assert.equal(world.read(partition, logStart - 1, 100), ErrorCodes.offset_out_of_range);
    assert.ok(typeof world.read(partition, logStart, 100) !== "number");
    world.close(partition);
  }
});

test("a log that a power cut took below its log start begins again there", () => {
  const { root, names } = fiveSegments();
  for (const name of names.slice(1)) unlinkSync(new LogWorld({ root }).path(name));
  const world = new LogWorld({ root });
  const how = { recoveryPoint: 4, logStart: 7 };
  const { partition } = world.open({ segmentBytes: 1024 }, how);
  assert.deepEqual([partition.logStart, partition.written.offset], [7, 7]);
  assert.equal(partition.degraded, "");
  assert.deepEqual(world.names(".log"), ["00000000000000000007.log"]);
  world.append(partition, batchOfSize(100));
  world.sync(partition);
  assert.ok(typeof world.read(partition, 7, 100) !== "number");
  world.close(partition);
});

test("a copied log is cut to its recovery point, whatever is whole behind it", () => {
  const { root, logs, names } = fiveSegments();
  const world = new LogWorld({ root });
  const how = { recoveryPoint: 5, logStart: 0, kind: PartitionKind.copied };
  const { partition, report } = world.open({ segmentBytes: 1024 }, how);
  assert.equal(partition.written.offset, 5);
  assert.deepEqual(world.names(".log"), names.slice(0, 3));
  assert.equal(report.bytesDropped, 5 * 500);
  assert.deepEqual(world.file(names[2]!), logs.get(names[2]!)!.slice(0, 500));
  world.close(partition);
});

test("a cleaned log has gaps below its recovery point, and is whole", () => {
  const world = new LogWorld();
  world.close(world.open().partition);
  const batches = [3, 10, 11].map((base) => stamped(batchOfSize(200), base, 1));
  world.write(FIRST, concat(batches));
  for (
    const [kind, isWhole] of [[PartitionKind.cleaned, true], [PartitionKind.own, false]] as const
  ) {
    const again = new LogWorld({ root: world.root });
    const how = { recoveryPoint: 12, logStart: 0, kind };
    const { partition } = again.open({}, how);
    assert.equal(partition.degraded === "", isWhole, partition.degraded);
    sameBytes(again.file(FIRST), concat(batches), "nothing is cut");
    if (isWhole) assert.equal(walkBatches(concat(again.readAll(partition))).length, 3);
    again.close(partition);
  }
});

test("gaps that were accepted while nothing was known stay accepted", () => {
  const world = new LogWorld();
  world.close(world.open().partition);
  const batches = [0, 1, 5].map((base) => stamped(batchOfSize(200), base, 1));
  world.write(FIRST, concat(batches.slice(0, 2)));
  // What lay between was not on disk when the power went, and what follows it was.
  world.write("00000000000000000005.log", batches[2]!);
  const kind = PartitionKind.cleaned;
  const first = new LogWorld({ root: world.root });
  const { partition } = first.open({}, { kind });
  assert.equal(partition.written.offset, 6);
  assert.equal(partition.recoveryPoint, 6); // what main hears first
  first.close(partition);
  const again = new LogWorld({ root: world.root });
  const how = { kind, recoveryPoint: 6, logStart: 0 };
  const opened = again.open({}, how).partition;
  assert.deepEqual([opened.degraded, opened.written.offset], ["", 6]);
  assert.equal(walkBatches(concat(again.readAll(opened))).length, 3);
  again.close(opened);
});
