/**
 * Batches that are wrong, in right frames: each is refused with the code that says why, nothing of
 * it is written, and the batch after it gets the offset that it would have had anyway.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError, type ErrorName } from "../../src/format/errors.ts";
import {
  batchOf,
  batchOfSize,
  type BatchShape,
  concat,
  encodeBatch,
  encodeRecord,
  varint,
} from "../support/batches.ts";
import { produce } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { errorText, RawConnection } from "../support/raw_connection.ts";

const TOPIC = "bad";
const LIMIT = 4096;
const RECORDS = 3;
const HEADER_SIZE = 61;
const CRC_AT = 17;
const CRC_FROM = 21;

const live = await LiveBroker.start(async (port) => {
  const connection = await RawConnection.open(port);
  const config = [{ key: "max.message.bytes", value: String(LIMIT) }];
  await connection.ask("create_topic", { name: TOPIC, partitions: 1, config });
  connection.close();
});

const values = ["one", "two", "three"].map((value) => new TextEncoder().encode(value));
const records = values.flatMap((value, index) => encodeRecord({ value }, index));

function shaped(shape: BatchShape): Uint8Array {
  return encodeBatch(records, RECORDS, shape);
}

/** One record whose bytes a test makes up; the checksum is right. */
function withRecord(body: readonly number[]): Uint8Array {
  return encodeBatch([...varint(body.length), ...body], 1);
}

const WRONG: readonly (readonly [string, ErrorName, Uint8Array])[] = [
  ["a checksum of something else", "batch_corrupt", shaped({ crc: 1 })],
  ["magic 0", "unsupported_magic", shaped({ magic: 0 })],
  ["magic 1", "unsupported_magic", shaped({ magic: 1 })],
  ["magic 3", "unsupported_magic", shaped({ magic: 3 })],
  ["no record", "batch_invalid", encodeBatch([], 0)],
  ["a negative count", "batch_invalid", shaped({ count: -1 })],
  ["a count one too low", "batch_invalid", shaped({ count: RECORDS - 1 })],
  ["a count one too high", "batch_invalid", shaped({ count: RECORDS + 1 })],
  ["a count of 2^31 - 1", "batch_invalid", shaped({ count: 0x7fffffff })],
  ["a last offset that is not the count's", "batch_invalid", shaped({ lastOffsetDelta: 7 })],
  ["a base offset that is not zero", "batch_invalid", shaped({ baseOffset: 9 })],
  ["a length one too low", "batch_invalid", shaped({ batchLength: 48 + records.length })],
  ["a length of zero", "batch_invalid", shaped({ batchLength: 0 })],
  ["a negative length", "batch_invalid", shaped({ batchLength: -1 })],
  ["a control batch", "batch_invalid", shaped({ attributes: 0x20 })],
  ["append time, which is ours to say", "batch_invalid", shaped({ attributes: 0x08 })],
  ["a codec that does not exist", "batch_invalid", shaped({ attributes: 0x07 })],
  ["bits without a meaning", "batch_invalid", shaped({ attributes: 0x4000 })],
  ["bytes behind the last record", "batch_invalid", encodeBatch([...records, 0], RECORDS)],
  ["a batch above the topic's limit", "batch_too_large", batchOfSize(LIMIT + 1)],
  ["offsets 0, 2", "batch_invalid", twoRecords(0, 2)],
  ["offsets 1, 0", "batch_invalid", twoRecords(1, 0)],
  ["a value longer than its record", "batch_invalid", withRecord([0, 0, 0, 1, 20, 65, 0])],
  ["a value of size -2", "batch_invalid", withRecord([0, 0, 0, 1, 3, 0])],
  ["2^31 - 1 headers", "batch_invalid", withRecord([0, 0, 0, 1, 1, 254, 255, 255, 255, 15])],
  ["a varint without an end", "batch_invalid", withRecord([0, 0, 0, 255, 255, 255, 255, 255, 255])],
  ["attributes in a record", "batch_invalid", withRecord([1, 0, 0, 1, 1, 0])],
];

function twoRecords(first: number, second: number): Uint8Array {
  const value = new Uint8Array(1);
  return encodeBatch([...encodeRecord({ value }, first), ...encodeRecord({ value }, second)], 2);
}

test("each wrong batch has its error and leaves no trace", async () => {
  const connection = await live.open();
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  let end = (await connection.ask("offsets", { handle })).logEnd;
  for (const [what, name, batch] of WRONG) {
    await connection.send(produce(handle, batch));
    const reply = await connection.reply();
    assert.equal(describeError(reply.code).name, name, what);
    if (name === "batch_too_large") assert.match(errorText(reply), /max\.message\.bytes=4096/);
    const good = { handle, acks: 255, reserved: 0, reserved2: 0, batch: batchOf(values) };
    const { baseOffset } = await connection.ask("produce", good);
    assert.equal(baseOffset, end, `after ${what}`);
    end += RECORDS;
  }
  connection.close();
  await live.expectUnharmed();
});

test("wrong batches among right ones in one turn: each has its own reply, in order", async () => {
  const connection = await live.open();
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const { logEnd } = await connection.ask("offsets", { handle });
  const good = batchOf(values);
  const sent = WRONG.flatMap(([, , batch]) => [good, batch]);
  const frames = sent.map((batch, index) => produce(handle, batch, index));
  // One piece, so that the broker finds them together.
  await connection.send(concat(frames));
  for (let index = 0; index < sent.length; index += 1) {
    const reply = await connection.reply();
    assert.equal(reply.correlation, index, "answered in order");
    const name = index % 2 === 0 ? "none" : WRONG[(index - 1) / 2]?.[1];
    assert.equal(describeError(reply.code).name, name);
  }
  const after = await connection.ask("offsets", { handle });
  assert.equal(after.logEnd, logEnd + WRONG.length * RECORDS);
  connection.close();
  await live.expectUnharmed();
});

test("a flipped bit anywhere in a batch is refused, or is one that the broker stamps", async () => {
  const connection = await live.open();
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const { logEnd } = await connection.ask("offsets", { handle });
  const good = batchOf(values);
  let accepted = 0;
  for (let bit = 0; bit < 8 * good.length; bit += 1) {
    const bent = good.slice();
    bent[bit >> 3]! ^= 1 << (bit & 7);
    await connection.send(produce(handle, bent));
    const { code } = await connection.reply();
    const at = bit >> 3;
    const isEpoch = at >= 12 && at < 16;
    if (isEpoch) accepted += 1;
    assert.equal(code === 0, isEpoch, `bit ${bit & 7} of byte ${at}`);
    if (at >= CRC_AT) assert.equal(describeError(code).name, "batch_corrupt", `byte ${at}`);
  }
  const after = await connection.ask("offsets", { handle });
  assert.equal(after.logEnd, logEnd + accepted * RECORDS);
  connection.close();
  await live.expectUnharmed();
});

test("all that was accepted can be read, and only that", async () => {
  const connection = await live.open();
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const { logEnd } = await connection.ask("offsets", { handle });
  const good = batchOf(values);
  let offset = 0;
  while (offset < logEnd) {
    const wanted = { handle, maxBytes: 1, minBytes: 1, maxWaitMs: 0, offset };
    const { batches } = await connection.ask("fetch", wanted);
    assert.deepEqual(batches.subarray(CRC_FROM), good.subarray(CRC_FROM), `offset ${offset}`);
    assert.ok(batches.length > HEADER_SIZE);
    offset += RECORDS;
  }
  connection.close();
});
