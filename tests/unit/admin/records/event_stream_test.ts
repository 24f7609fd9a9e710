/** Records as events: what is written, and that ids count exactly what was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf } from "../../../../src/admin/records/event_stream.ts";
import {
  addPartition,
  parsePositions,
  positionsText,
} from "../../../../src/admin/records/positions.ts";
import type { ConsumerBatch } from "../../../../src/client/consumer.ts";
import { BrokerError } from "../../../../src/client/errors.ts";
import { RecordReader } from "../../../../src/client/record_reader.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { HTTP_STREAM_PIECE } from "../../../../src/limits.ts";
import { heapBlock } from "../../../../src/base/bytes.ts";
import { batchOf, concat, encodeBatch, encodeRecord, sameBytes } from "../../../support/batches.ts";
import { EventParser, type ServerEvent } from "../../../support/event_stream.ts";
import { Prng } from "../../../support/prng.ts";
import { anyRecord, recordText } from "../../../support/record_text.ts";

const TAG = "1a2b3c4d";
const LONG_MS = 60_000;
const encoder = new TextEncoder();

/** A batch of texts, as a consumer gives it. */
function batch(partition: number, baseOffset: number, texts: readonly string[]): ConsumerBatch {
  const values = texts.map((text) => encoder.encode(text));
  const bytes = values.length === 0 ? new Uint8Array(0) : batchOf(values, { baseOffset });
  return given(partition, baseOffset, bytes, baseOffset + texts.length);
}

function given(
  partition: number,
  baseOffset: number,
  bytes: Uint8Array,
  nextOffset: number,
): ConsumerBatch {
  const block = heapBlock(bytes.length);
  block.bytes.set(bytes);
  const records = new RecordReader(block);
  records.open(block, 0, bytes.length, baseOffset, Infinity);
  return { topic: "t", partition, records, nextOffset };
}

interface Source {
  batches: AsyncGenerator<ConsumerBatch, void, void>;
  isEnded: boolean;
}

function sourceOf(list: readonly (ConsumerBatch | Error)[], waitMs = 0): Source {
  const source: Source = { isEnded: false, batches: null as never };
  source.batches = (async function* () {
    try {
      for (const item of list) {
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (item instanceof Error) throw item;
        yield item;
      }
    } finally {
      source.isEnded = true;
    }
  })();
  return source;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const ended = (): void => {};

async function textsOf(list: readonly (ConsumerBatch | Error)[]): Promise<string[]> {
  const positions = new Map([[0, 17], [1, 4]]);
  const { batches } = sourceOf(list);
  const texts: string[] = [];
  const options = { batches, positions, tag: TAG, heartbeatMs: LONG_MS, ended };
  for await (const piece of eventsOf(options)) texts.push(decoder.decode(piece));
  return texts;
}

function parsed(text: string): ServerEvent[] {
  return new EventParser().feed(text);
}

test("it begins with where it is, and every event says where it is behind it", async () => {
  const texts = await textsOf([batch(0, 17, ["a", "b\n"]), batch(1, 4, ["c"])]);
  assert.equal(texts[0], "retry: 1000\nid: 0:17,1:4@1a2b3c4d\n\n");
  const events = parsed(texts.join(""));
  assert.deepEqual(events.map(({ id }) => id), [
    "0:18,1:4@1a2b3c4d",
    "0:19,1:4@1a2b3c4d",
    "0:19,1:5@1a2b3c4d",
  ]);
  const records = events.map(({ data }) => JSON.parse(data));
  assert.deepEqual(records.map(({ partition, offset, value }) => [partition, offset, value]), [
    [0, 17, "a"],
    [0, 18, "b\n"],
    [1, 4, "c"],
  ]);
});

test("values that look like events are data", async () => {
  const value = "x\n\nid: 0:99\ndata: y\r\n\r\u2028";
  const [event, ...more] = parsed((await textsOf([batch(0, 17, [value])])).join(""));
  assert.deepEqual([JSON.parse(event!.data).value, event!.id, more], [
    value,
    "0:18,1:4@1a2b3c4d",
    [],
  ]);
});

test("cut after any byte, what follows the last id is what was not seen", async () => {
  const whole = (await textsOf([batch(0, 17, ["a", "b"]), batch(1, 4, ["c"])])).join("");
  const all = parsed(whole);
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const parser = new EventParser();
    const seen = parser.feed(whole.slice(0, cut));
    const behind = [...(parser.lastEventId || "0:17,1:4").matchAll(/\d+:(\d+)/g)]
      .reduce((sum, [, offset]) => sum + Number(offset), 0);
    assert.equal(behind - 17 - 4, seen.length, `cut at ${cut}`);
    assert.deepEqual(seen, all.slice(0, seen.length));
  }
});

test("a large batch comes in pieces, as the reader takes them", async () => {
  const texts = await textsOf([batch(0, 17, Array.from({ length: 300 }, () => "x".repeat(1000)))]);
  assert.ok(texts.length > 3, String(texts.length));
  for (const text of texts) assert.ok(text.length < 70_000);
  assert.equal(parsed(texts.join("")).length, 300);
});

test("offsets that hold no record any more are behind it, too", async () => {
  const empty = { ...batch(0, 17, []), nextOffset: 20 };
  const events = parsed((await textsOf([empty, batch(1, 4, ["c"])])).join(""));
  assert.deepEqual(events.map(({ id }) => id), ["0:20,1:5@1a2b3c4d"]);
});

test("partitions that the topic is given meanwhile stand in their order in every id", async () => {
  const list = [batch(5, 0, ["a"]), batch(3, 0, ["b"]), batch(4, 0, ["c"])];
  const ids = parsed((await textsOf(list)).join("")).map(({ id }) => id!);
  assert.deepEqual(ids, [
    "0:17,1:4,5:1@1a2b3c4d",
    "0:17,1:4,3:1,5:1@1a2b3c4d",
    "0:17,1:4,3:1,4:1,5:1@1a2b3c4d",
  ]);
  for (const id of ids) assert.notEqual(parsePositions(id), null, "whoever comes back may say it");
});

test("why it ends is an event, and the source ends with it", async () => {
  const source = sourceOf([new BrokerError(ErrorCodes.topic_not_found, "t")]);
  let text = "";
  const positions = new Map([[0, 0]]);
  let isEnded = false;
  const ended = (): void => void (isEnded = source.isEnded);
  const options = { batches: source.batches, positions, tag: TAG, heartbeatMs: LONG_MS, ended };
  for await (const piece of eventsOf(options)) text += decoder.decode(piece);
  const [event] = parsed(text);
  assert.deepEqual([event!.type, JSON.parse(event!.data).name], ["problem", "topic_not_found"]);
  assert.equal(event!.id, "0:0@1a2b3c4d");
  assert.equal(isEnded, true, "told when the source had ended");
});

test("while nothing comes it says so, and what comes then is not lost", async () => {
  const source = sourceOf([batch(0, 0, ["a"])], 30);
  const positions = new Map([[0, 0]]);
  let text = "";
  const options = { batches: source.batches, positions, tag: TAG, heartbeatMs: 5, ended };
  for await (const piece of eventsOf(options)) text += decoder.decode(piece);
  const parser = new EventParser();
  assert.equal(parser.feed(text).length, 1);
  assert.ok(parser.comments > 0);
});

/** A batch of any records, with gaps between them and behind the last; and its events as text. */
function anyBatch(prng: Prng, positions: Map<number, number>): [ConsumerBatch, string] {
  const partition = prng.pick([0, 1, 1, 1, 2, 3, 12]);
  const baseOffset = (positions.get(partition) ?? 0) + prng.below(3);
  const baseTimestamp = prng.pick([1769860800000, 50_000, 0]);
  const body: number[][] = [];
  const told: [offset: number, record: string][] = [];
  let delta = 0;
  for (let count = prng.below(60); count > 0; count -= 1) {
    const record = anyRecord(prng, HTTP_STREAM_PIECE);
    const timestamp = baseTimestamp + record.timestampDelta!;
    body.push(encodeRecord(record, delta));
    const offset = baseOffset + delta;
    told.push([offset, recordText("t", partition, offset, timestamp, record)]);
    delta += prng.chance(10) ? prng.between(2, 5) : 1;
  }
  const nextOffset = baseOffset + delta + 1;
  if (!positions.has(partition)) addPartition(positions, partition, nextOffset);
  let text = "";
  for (const [offset, record] of told) {
    positions.set(partition, offset + 1);
    text += `id: ${positionsText(positions, TAG)}\ndata: ${record}\n\n`;
  }
  positions.set(partition, nextOffset);
  const shape = { baseOffset, baseTimestamp, lastOffsetDelta: delta };
  const bytes = encodeBatch(body.flat(), told.length, shape);
  return [given(partition, baseOffset, bytes, nextOffset), text];
}

test("whatever the records: every byte is what text put together is", async () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const prng = new Prng(seed);
    const positions = new Map([[0, 17], [1, 99_998], [2, 9_999_990]]);
    const expected = new Map(positions);
    const made = Array.from({ length: 6 }, () => anyBatch(prng, expected));
    const { batches } = sourceOf(made.map(([given]) => given));
    const pieces: Uint8Array[] = [];
    const options = { batches, positions, tag: TAG, heartbeatMs: LONG_MS, ended };
    for await (const piece of eventsOf(options)) pieces.push(piece);
    const text = made.map(([, events]) => events).join("");
    sameBytes(concat(pieces.slice(1)), encoder.encode(text), `seed ${seed}`);
    assert.deepEqual([...positions], [...expected]);
  }
});

test("a stream whose batch is damaged leaves nothing behind for another's", async () => {
  const record = encodeRecord({ value: encoder.encode("a") }, 0);
  record[record.length - 1] = 1; // the count of headers: half a header, that is
  const damaged = given(0, 17, encodeBatch(record, 1, { baseOffset: 17 }), 18);
  const large = batch(0, 17, Array.from({ length: 100 }, () => "x".repeat(1000)));
  const open = (source: ConsumerBatch): AsyncGenerator<Uint8Array, void, void> => {
    const { batches } = sourceOf([source]);
    const positions = new Map([[0, 17]]);
    return eventsOf({ batches, positions, tag: TAG, heartbeatMs: LONG_MS, ended });
  };
  const stream = open(large);
  await stream.next();
  const pieces = [(await stream.next()).value!];
  let other = "";
  for await (const piece of open(damaged)) other += decoder.decode(piece);
  assert.match(other, /event: problem/);
  for await (const piece of stream) pieces.push(piece);
  assert.equal(pieces.length, 2);
  const events = parsed(pieces.map((piece) => decoder.decode(piece)).join(""));
  assert.deepEqual(
    events.map(({ data }) => JSON.parse(data).offset),
    events.map((_, at) => 17 + at),
  );
  assert.equal(events.length, 100);
});
