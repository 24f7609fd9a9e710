/** What headers say about producers and epochs, and where a walk of them begins. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { LeaderEpochs } from "../../../src/log/leader_epochs.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { ProducerState } from "../../../src/log/producer_state.ts";
import { beginNear, replay, walkFrom } from "../../../src/log/replay.ts";
import { Walk } from "../../../src/log/walk.ts";
import { batchOf } from "../../support/batches.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

const BATCHES = 12;

/** Batches of two records of producer 7, each of 3,000 bytes, in several segments. */
function filled(): { world: LogWorld; partition: Partition } {
  const world = new LogWorld({ openSealedMax: 2 });
  const { partition } = world.open({ segmentBytes: 14000 }, { epoch: 4 });
  for (let i = 0; i < BATCHES; i += 1) {
    const values = [new Uint8Array(1500).fill(i), new Uint8Array(1500)];
    const shape = { producerId: 7, producerEpoch: 1, baseSequence: 2 * i };
    world.append(partition, batchOf(values, shape));
  }
  world.sync(partition);
  assert.equal(partition.segments.length, 3);
  return { world, partition };
}

test("every batch that ends above an offset is visited, in order", () => {
  const { world, partition } = filled();
  for (let from = 0; from <= 2 * BATCHES; from += 1) {
    const visited: number[] = [];
    const code = walkFrom(world.store, DIRECTORY, partition.segments, from, (walk) => {
      visited.push(walk.baseOffset);
    });
    assert.equal(code, 0);
    const first = 2 * Math.floor(from / 2);
    const expected = Array.from({ length: BATCHES }, (_, i) => 2 * i).filter((n) => n >= first);
    assert.deepEqual(visited, expected, `from ${from}`);
  }
  world.close(partition);
});

test("a walk begins at or before the batch, and not at the start of the segment", () => {
  const { world, partition } = filled();
  const walk = new Walk(world.store);
  for (const segment of partition.segments) {
    assert.equal(world.store.open(DIRECTORY, segment), 0);
    for (let relative = 0; relative < 8; relative += 1) {
      const offset = segment.baseOffset + relative;
      assert.equal(beginNear(walk, segment, offset), 0);
      assert.ok(walk.baseOffset <= offset, `${offset}`);
    }
    assert.equal(beginNear(walk, segment, Infinity), 0);
    assert.ok(walk.position > 0, "the index is used");
    // An entry that is not that of its batch is not.
    segment.index!.truncate(0);
    segment.index!.batchAppended(1, 0, 5000);
    segment.index!.batchAppended(7, 77, 100);
    assert.equal(beginNear(walk, segment, Infinity), 0);
    assert.equal(walk.position, 0);
  }
  world.close(partition);
});

test("producers come from their snapshot's offset on, epochs from theirs", () => {
  const { world, partition } = filled();
  const { segments } = partition;
  for (const from of [0, 10, 2 * BATCHES]) {
    const producers = new ProducerState();
    const epochs = new LeaderEpochs();
    assert.equal(replay(world.store, DIRECTORY, segments, 0, from, producers, epochs), 0);
    assert.deepEqual(epochs.entries, [{ epoch: 4, startOffset: 0 }]);
    assert.equal(producers.size, from < 2 * BATCHES ? 1 : 0);
    const expected = from < 2 * BATCHES ? ErrorCodes.duplicate_sequence : ErrorCodes.none;
    assert.equal(producers.check(7, 1, 2 * BATCHES - 2, 2 * BATCHES - 1), expected);
    const next = producers.check(7, 1, 2 * BATCHES, 2 * BATCHES);
    assert.equal(next, ErrorCodes.none);
  }
  world.close(partition);
});

test("it stops where a header is damaged, and goes on in the next segment", () => {
  const { world, partition } = filled();
  const [first] = partition.segments;
  const name = "00000000000000000000.log";
  const { size } = first!;
  const bytes = world.file(name);
  const second = new DataView(bytes.buffer).getInt32(8) + 12;
  bytes.fill(0, second, second + 61);
  world.overwrite(name, bytes);
  const visited: number[] = [];
  const code = walkFrom(world.store, DIRECTORY, partition.segments, 0, (walk) => {
    visited.push(walk.baseOffset);
  });
  assert.equal(code, 0);
  assert.equal(first!.size, size);
  assert.deepEqual(visited, [0, 8, 10, 12, 14, 16, 18, 20, 22]);
  world.close(partition);
});
