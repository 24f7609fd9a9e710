/** The producer snapshot: what was encoded comes back, or the file is not believed at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/log/producer_snapshot.ts";
import { ProducerState } from "../../../src/log/producer_state.ts";
import { slowCrc32c } from "../../support/batches.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

function randomState(prng: Prng): ProducerState {
  const state = new ProducerState();
  let offset = 2 ** 40;
  for (let producer = prng.below(6); producer > 0; producer -= 1) {
    let sequence = prng.pick([0, 100, 2147483640]);
    for (let i = prng.between(1, 7); i > 0; i -= 1) {
      const count = prng.between(1, 5);
      const last = (sequence + count - 1) % 2147483648;
      state.append(
        producer * 1000,
        3,
        sequence,
        last,
        offset,
        offset + count - 1,
        1700000000000 + i,
      );
      sequence = (last + 1) % 2147483648;
      offset += count;
    }
  }
  state.settle();
  return state;
}

/** Every batch that is remembered, with its producer and epoch. */
function listOf(state: ProducerState): unknown[] {
  const list: unknown[] = [];
  state.each((producerId, epoch, batch) => list.push({ producerId, epoch, ...batch }));
  return list;
}

test("decoding gives back the state", () => {
  forSeeds(100, (prng) => {
    const state = randomState(prng);
    const block = encodeSnapshot(state);
    const again = decodeSnapshot(block, block.size);
    assert.deepEqual(listOf(again!), listOf(state));
  });
});

test("the bytes are Kafka's", () => {
  const state = new ProducerState();
  state.append(9, 2, 10, 14, 100, 104, 1700000000000);
  const { bytes, view, size } = encodeSnapshot(state);
  assert.equal(size, 10 + 46);
  assert.equal(view.getInt16(0), 1);
  assert.equal(view.getUint32(2), slowCrc32c(bytes.subarray(6)));
  assert.equal(view.getInt32(6), 1);
  assert.equal(view.getBigInt64(10), 9n);
  assert.equal(view.getInt16(18), 2);
  assert.equal(view.getInt32(20), 14);
  assert.equal(view.getBigInt64(24), 104n);
  assert.equal(view.getInt32(32), 4);
  assert.equal(view.getBigInt64(36), 1700000000000n);
  assert.equal(view.getInt32(44), 0);
  assert.equal(view.getBigInt64(48), -1n);
});

test("every flipped bit and every truncation is refused", () => {
  const state = new ProducerState();
  state.append(9, 2, 10, 14, 100, 104, 1700000000000);
  state.append(9, 2, 15, 15, 105, 105, 1700000000000);
  const { bytes, size } = encodeSnapshot(state);
  const decode = (content: Uint8Array) => {
    const block = heapBlock(content.length);
    block.bytes.set(content);
    return decodeSnapshot(block, content.length);
  };
  assert.notEqual(decode(bytes), null);
  for (let bit = 0; bit < size * 8; bit += 1) {
    const at = bit >> 3;
    assert.equal(decode(bytes.with(at, bytes[at]! ^ (1 << (bit & 7)))), null, `bit ${bit}`);
  }
  for (let length = 0; length < size; length += 1) {
    assert.equal(decode(bytes.slice(0, length)), null, `${length} bytes`);
  }
});
