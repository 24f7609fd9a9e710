/** Times of records, and the few that are remembered: the same as the log says, read once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchTimes } from "../../../src/broker/batch_times.ts";
import { NO_TIME, timeOfOffset } from "../../../src/log/offset_time.ts";
import { batchOf } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { forSeeds } from "../../support/prng.ts";

const START = 1700000000000;

function produce(world: BrokerWorld, records: number, maxTimestamp: number): void {
  const values = Array.from({ length: records }, () => new Uint8Array(3));
  world.produce(batchOf(values, { baseTimestamp: maxTimestamp, maxTimestamp }), 1);
  world.turn();
  world.sync();
}

test("whatever was asked before, the answer is what the log says", () => {
  forSeeds(10, (prng) => {
    const world = new BrokerWorld({ segmentBytes: 600 });
    const { log } = world.partition;
    const { reader } = world.log;
    const times = new BatchTimes();
    for (let step = 0; step < 200; step += 1) {
      const grows = log.visible.offset < 60 && prng.chance(20);
      if (grows) produce(world, prng.between(1, 4), START + prng.below(1000));
      if (prng.chance(2) && log.visible.offset > 3) {
        log.logStart = prng.between(log.logStart, log.visible.offset);
      }
      const offset = prng.below(log.visible.offset + 3);
      const expected = timeOfOffset(reader, log, offset);
      const found = times.find(reader, log, offset);
      assert.ok(typeof expected !== "number" && typeof found !== "number");
      assert.equal(found.timestampMs, expected.timestampMs, String(offset));
    }
    world.close();
  });
});

test("what is asked again is not read again; what is not there is not remembered", () => {
  const world = new BrokerWorld();
  const { log } = world.partition;
  const times = new BatchTimes();
  const read = (offset: number): [timestampMs: number, isRead: boolean] => {
    const { counters } = log.store;
    const before = counters.bytesRead;
    const found = times.find(world.log.reader, log, offset);
    assert.ok(typeof found !== "number");
    return [found.timestampMs, counters.bytesRead > before];
  };
  assert.deepEqual(read(0), [NO_TIME, false]);
  for (let batch = 0; batch < 5; batch += 1) produce(world, 2, START + batch);
  assert.deepEqual(read(0), [START, true]);
  assert.deepEqual(read(1), [START, false], "of the same batch");
  assert.deepEqual(read(9), [START + 4, true]);
  assert.deepEqual(read(9), [START + 4, false]);
  for (const offset of [2, 4, 6]) assert.deepEqual(read(offset)[1], true);
  assert.deepEqual(read(9), [START + 4, false], "three others had room beside it");
  assert.deepEqual(read(0), [START, true], "the oldest gave way");
  log.logStart = 7;
  assert.deepEqual(read(6), [NO_TIME, false], "deleted meanwhile");
  world.close();
});
