/** Offset index, time index and producer snapshot: files in binary that a start or a read takes. */
import { heapBlock, writeI64 } from "../../../src/base/bytes.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import { OffsetIndex } from "../../../src/log/offset_index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/log/producer_snapshot.ts";
import { ProducerState } from "../../../src/log/producer_state.ts";
import { TimeIndex } from "../../../src/log/time_index.ts";
import { type Decoder, Digest, must, mustEqual, REJECTED } from "../decoder.ts";

const KiB = 1024;
const SEGMENT_SIZE = 1048576;
const RELATIVE_MAX = 2147483647;
/** Between entries, at most: wide ones stay in order when a number is nudged. */
const STEPS = [100, 80000, 80000];

const offsets: Decoder = {
  ...{ name: "file-offset-index", family: "files", weight: 4, fromStart: true },
  sample(prng) {
    const block = heapBlock(8 * prng.below(12));
    let offset = 0;
    let position = 0;
    for (let at = 0; at < block.size; at += 8) {
      block.view.setInt32(at, offset += prng.between(1, prng.pick(STEPS)));
      block.view.setInt32(at + 4, position += prng.between(4096, 4096 + prng.pick(STEPS)));
    }
    return block.bytes;
  },
  fields: (_, size) => everyNumber(size, 4),
  allocationMax: (size) => 8 * size + 8 * KiB,
  decode(block, _at, size) {
    const index = new OffsetIndex();
    if (!index.decode(block.view, size, SEGMENT_SIZE)) return REJECTED;
    const again = heapBlock(index.encodedSize);
    index.encode(again.view);
    mustEqual(again.bytes, block.bytes.subarray(0, size), "encoding gives other bytes");
    for (let entry = 0; entry < index.count; entry += 1) {
      must(index.rank(index.lastOffset(entry)) === entry, "an entry is not found by its offset");
      must(index.entryAtOrBelow(index.position(entry)) === entry, "nor by its position");
    }
    return new Digest().bytes(again.bytes).result;
  },
};

const times: Decoder = {
  ...{ name: "file-time-index", family: "files", weight: 4, fromStart: true },
  sample(prng) {
    const block = heapBlock(12 * prng.below(12));
    let time = 1700000000000;
    let offset = 0;
    for (let at = 0; at < block.size; at += 12) {
      writeI64(block.view, at, time += prng.between(1, 1000 * prng.pick(STEPS)));
      block.view.setInt32(at + 8, offset += prng.between(1, prng.pick(STEPS)));
    }
    return block.bytes;
  },
  fields: (_, size) => {
    const entries = Array.from({ length: Math.floor(size / 12) }, (_, index) => index * 12);
    return entries.flatMap((at) => [[at, 8], [at + 8, 4]] as const);
  },
  allocationMax: (size) => 8 * size + 8 * KiB,
  decode(block, _at, size) {
    const index = new TimeIndex();
    if (!index.decode(block.view, size, RELATIVE_MAX)) return REJECTED;
    const again = heapBlock(index.encodedSize);
    index.encode(again.view);
    mustEqual(again.bytes, block.bytes.subarray(0, size), "encoding gives other bytes");
    for (let entry = 0; entry < index.count; entry += 1) {
      must(index.rank(index.timestamp(entry)) === entry, "an entry is not found by its time");
    }
    return new Digest().bytes(again.bytes).result;
  },
};

const snapshot: Decoder = {
  ...{ name: "file-producer-snapshot", family: "files", weight: 4, fromStart: true },
  sample(prng) {
    const state = new ProducerState();
    let offset = 0;
    for (let producer = prng.below(4); producer > 0; producer -= 1) {
      let sequence = prng.below(100);
      for (let batch = prng.between(1, 7); batch > 0; batch -= 1) {
        const delta = prng.below(20);
        state.append(producer, 1, sequence, sequence + delta, offset, offset + delta, 1700000000);
        sequence += delta + 1;
        offset += delta + 1;
      }
    }
    state.settle();
    return encodeSnapshot(state).bytes;
  },
  repair(input, size) {
    if (size < 10) return;
    input.view.setInt32(6, Math.floor((size - 10) / 46));
    const copy = heapBlock((size + 3) & ~3);
    copy.bytes.set(input.bytes.subarray(0, size));
    input.view.setUint32(2, crc32c(copy.bytes, copy.words, 6, size - 6));
  },
  fields: (_, size) => {
    const entries = Array.from({ length: Math.floor((size - 10) / 46) }, (_, i) => 10 + i * 46);
    return entries.flatMap((at) => {
      return [[at, 8], [at + 8, 2], [at + 10, 4], [at + 14, 8], [at + 22, 4], [
        at + 26,
        8,
      ]] as const;
    });
  },
  allocationMax: (size) => 8 * size + 8 * KiB,
  decode(block, _at, size) {
    const state = decodeSnapshot(block, size);
    if (state === null) return REJECTED;
    const digest = digestOf(state);
    const encoded = encodeSnapshot(state);
    const again = decodeSnapshot(encoded, encoded.size);
    must(again !== null, "what is written is not read");
    must(digestOf(again!).result === digest.result, "what is read is not what is written");
    return digest.result;
  },
};

export const INDEX_DECODERS: readonly Decoder[] = [offsets, times, snapshot];

function digestOf(state: ProducerState): Digest {
  const digest = new Digest();
  state.each((producerId, epoch, batch) => {
    const { firstSequence, lastSequence, baseOffset, lastOffset, timestamp } = batch;
    must(Number.isSafeInteger(producerId) && producerId >= 0, "a producer id that is none");
    must(firstSequence >= 0 && lastSequence >= 0, "a sequence below zero");
    must(baseOffset >= 0 && baseOffset <= lastOffset, "a batch that ends before it begins");
    must(Number.isSafeInteger(lastOffset), "an offset that is not exact");
    must(Number.isSafeInteger(timestamp), "a timestamp that is not exact");
    digest.number(producerId).number(epoch).number(firstSequence).number(lastSequence);
    digest.number(baseOffset).number(lastOffset).number(timestamp);
  });
  return digest;
}

function everyNumber(size: number, width: number): [number, number][] {
  return Array.from({ length: Math.floor(size / width) }, (_, index) => [index * width, width]);
}
