import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BatchBuilder } from "../../../src/client/batch_builder.ts";
import { PendingBatch } from "../../../src/client/pending_batch.ts";
import { SequenceNumbers } from "../../../src/client/sequence_numbers.ts";

/** A batch of `count` records. */
function batch(count: number): PendingBatch {
  const builder = new BatchBuilder(10_000);
  for (let i = 0; i < count; i += 1) builder.appendBytes(new Uint8Array(1));
  builder.close(0);
  return new PendingBatch(builder, 0);
}

/** Id, epoch and sequence in a batch's header. */
function numbersOf({ builder }: PendingBatch): number[] {
  const { view } = builder.block;
  return [view.getInt32(47), view.getInt16(51), view.getInt32(53)];
}

describe("SequenceNumbers", () => {
  test("batches count on by their records, each once", () => {
    const numbers = new SequenceNumbers();
    numbers.begin({ producerId: 7, producerEpoch: 3 });
    const [first, second] = [batch(4), batch(1)];
    numbers.stamp(first);
    numbers.stamp(second);
    numbers.stamp(first);
    assert.deepEqual(numbersOf(first), [7, 3, 0]);
    assert.deepEqual(numbersOf(second), [7, 3, 4]);
  });

  test("a higher epoch begins at 0 and closes the gap; above the highest there is none", () => {
    const numbers = new SequenceNumbers();
    numbers.begin({ producerId: 7, producerEpoch: 32766 });
    const one = batch(2);
    numbers.stamp(batch(5));
    numbers.stamp(one);
    numbers.lost(one);
    assert.equal(numbers.hasGap, true);
    assert.equal(numbers.raiseEpoch(), true);
    assert.equal(numbers.hasGap, false);
    assert.equal(numbers.isOf(one), false);
    numbers.stamp(one);
    assert.deepEqual(numbersOf(one), [7, 32767, 0]);
    assert.equal(numbers.raiseEpoch(), false);
  });

  test("a gap is closed by what comes behind it, not by what came before", () => {
    const numbers = new SequenceNumbers();
    numbers.begin({ producerId: 7, producerEpoch: 0 });
    const [first, second, third] = [batch(1), batch(1), batch(1)];
    for (const each of [first, second, third]) numbers.stamp(each);
    numbers.lost(second);
    numbers.stored(first);
    assert.equal(numbers.hasGap, true);
    numbers.stored(third);
    assert.equal(numbers.hasGap, false);
    numbers.begin({ producerId: 8, producerEpoch: 0 });
    numbers.lost(third);
    assert.equal(numbers.hasGap, false, "it has a number of another producer");
  });

  test("after 2^31 - 1 comes 0", () => {
    const numbers = new SequenceNumbers();
    numbers.begin({ producerId: 1, producerEpoch: 0 });
    const large = batch(1);
    large.builder.count = 2 ** 31 - 1;
    numbers.stamp(large);
    const [last, next] = [batch(3), batch(1)];
    numbers.stamp(last);
    numbers.stamp(next);
    assert.equal(numbersOf(last)[2], 2 ** 31 - 1);
    assert.equal(numbersOf(next)[2], 2);
  });

  test("without an identity batches are of no producer", () => {
    const numbers = new SequenceNumbers();
    numbers.begin(null);
    const one = batch(1);
    numbers.stamp(one);
    assert.deepEqual(numbersOf(one), [-1, -1, -1]);
    assert.equal(numbers.raiseEpoch(), false);
  });
});
