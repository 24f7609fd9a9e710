/** The time of the batch that holds an offset, against a walk over all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { type BatchTime, NO_TIME, timeOfOffset } from "../../../src/log/offset_time.ts";
import { batchOf, HEADER_SIZE } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

const START = 1700000000000;

test("every visible offset has the highest time of its batch, and no other has one", () => {
  forSeeds(20, (prng) => {
    const world = new LogWorld();
    const { partition } = world.open({ segmentBytes: 20 * HEADER_SIZE });
    const times: BatchTime[] = [];
    for (let batch = 0; batch < 40; batch += 1) {
      const count = prng.between(1, 5);
      const maxTimestamp = START + prng.below(1_000_000);
      const values = Array.from({ length: count }, () => prng.bytes(prng.below(50)));
      world.append(partition, batchOf(values, { baseTimestamp: maxTimestamp, maxTimestamp }));
      const baseOffset = times.length;
      const of = { timestampMs: maxTimestamp, baseOffset, lastOffset: baseOffset + count - 1 };
      for (let i = 0; i < count; i += 1) times.push(of);
    }
    world.sync(partition);
    assert.ok(partition.segments.length > 2, "over several segments");
    for (const [offset, { timestampMs, baseOffset, lastOffset }] of times.entries()) {
      const expected = { timestampMs, baseOffset, lastOffset };
      assert.deepEqual(timeOfOffset(partition, offset), expected, String(offset));
    }
    for (const none of [times.length, times.length + 1000]) {
      const found = timeOfOffset(partition, none);
      assert.ok(typeof found !== "number" && found.timestampMs === NO_TIME);
    }
    world.end();
  });
});

test("what cannot be read is an error", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  world.append(partition, batchOf([new Uint8Array(1)], { maxTimestamp: START }));
  world.sync(partition);
  faulty.failNth("pread", faulty.count("pread") + 1, -EIO);
  assert.equal(timeOfOffset(partition, 0), ErrorCodes.storage_failed);
  world.end();
});
