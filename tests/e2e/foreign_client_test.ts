/**
 * A client that is none of ours, in Python and written from docs/PROTOCOL.md alone, and our own at
 * the same broker: what one writes the other reads, and a group goes from hand to hand. The codecs
 * that Python must be given first are in foreign_codecs_gate.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after } from "node:test";
import { Client } from "../../src/client/client.ts";
import { describeError } from "../../src/format/errors.ts";
import { startBroker } from "../support/broker.ts";
import {
  bothWays,
  foreign,
  numbered,
  type ReadLine,
  readLines,
  sendLines,
  someLines,
} from "../support/foreign.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { Prng } from "../support/prng.ts";
import { pythonMissing } from "../support/python_packages.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const MISSING = pythonMissing();
const COUNT = 730;
/** As tests/foreign/main.py cuts them. */
const BATCH_RECORDS = 100;
const VALUE_BYTES_MAX = 600;
const FSYNC = 3;

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("foreign"), "d"),
});
const client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
after(async () => {
  await client.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

const lines = someLines(new Prng(20261128), COUNT, VALUE_BYTES_MAX);

testOrSkip("a topic that Python creates is there", MISSING, async () => {
  const [created] = await foreign(broker, ["create", "created", 3]) as [Record<string, unknown>];
  const topic = (await client.admin.topics()).find(({ name }) => name === "created")!;
  assert.equal(topic.partitions.length, 3);
  const segmentBytes = topic.config.find(({ key }) => key === "segment.bytes")!;
  assert.equal(segmentBytes.value, "1048576");
  assert.deepEqual(created, { topicId: topic.topicId.replaceAll("-", ""), partitions: 3 });
});

testOrSkip("our client reads what Python produced", MISSING, async () => {
  await client.admin.createTopic("theirs");
  const answers = await foreign(broker, ["produce", "theirs", 0], lines);
  const batches = Math.ceil(COUNT / BATCH_RECORDS);
  assert.deepEqual(
    answers,
    Array.from({ length: batches }, (_, i) => ({ offset: i * BATCH_RECORDS, level: FSYNC })),
  );
  assert.deepEqual(await readLines(client, "theirs", 0, COUNT), numbered(lines));
});

testOrSkip("Python fetches what our client produced, from any offset", MISSING, async () => {
  await client.admin.createTopic("ours");
  await sendLines(client, "ours", lines);
  assert.deepEqual(await foreign(broker, ["fetch", "ours", 0, 0, COUNT]), numbered(lines));
  const some = await foreign(broker, ["fetch", "ours", 0, 333, COUNT, "--max-bytes", 1]);
  assert.deepEqual(some, numbered(lines).slice(333));
});

testOrSkip("pushes come as far as Python gives credit", MISSING, async () => {
  await client.admin.createTopic("pushed");
  await foreign(broker, ["produce", "pushed", 0], lines);
  for (const credit of [1, 100_000]) {
    const args = ["subscribe", "pushed", 0, 150, COUNT, "--credit", credit];
    const said = await foreign(broker, args);
    const { pushes } = said.pop() as { pushes: number[] };
    assert.deepEqual(said, numbered(lines).slice(150));
    // A batch at a time, or as many as fit; the first batch holds offset 150.
    if (credit === 1) assert.equal(pushes.length, Math.ceil(COUNT / BATCH_RECORDS) - 1);
    else assert.ok(pushes.length > 1 && pushes.every((size) => size <= credit), `${pushes}`);
  }
});

testOrSkip("what Python sends twice with a sequence is stored once", MISSING, async () => {
  await client.admin.createTopic("twice");
  const answers = await foreign(broker, ["produce", "twice", 0, "--idempotent"], lines);
  assert.equal(answers.length, Math.ceil(COUNT / BATCH_RECORDS));
  for (const answer of answers as { offset: number; again: number }[]) {
    assert.equal(answer.again, answer.offset);
  }
  assert.equal((await client.admin.offsets("twice", 0)).logEnd, COUNT);
  assert.deepEqual(await readLines(client, "twice", 0, COUNT), numbered(lines));
});

testOrSkip("a group goes from Python to our client and back", MISSING, async () => {
  await client.admin.createTopic("shared", { partitions: 2 });
  await sendLines(client, "shared", lines);
  const place = { topic: "shared", partition: 0 };

  const first = await foreign(broker, ["group", "g", "shared", 0, 100]);
  assert.deepEqual(first.pop(), { errors: [0] });
  assert.deepEqual(first, numbered(lines).slice(0, 100));
  const [seen] = await client.admin.groupOffsets("g");
  assert.deepEqual([seen!.offset, seen!.metadata], [100, "by python"]);

  const consumer = await client.consumer({ topics: ["shared"], group: "g", commit: "manual" });
  for await (const record of consumer) {
    assert.equal(record.offset, 100);
    break;
  }
  await consumer.commit([{ ...place, offset: 105, metadata: "größer" }]);
  await consumer.close();

  const committed = await foreign(broker, ["committed", "g"]);
  assert.deepEqual(committed, [["shared", 0, 105, "größer"]]);
  const second = await foreign(broker, ["group", "g", "shared", 0, 20]) as ReadLine[];
  assert.deepEqual(second.slice(0, -1), numbered(lines).slice(105, 125));
  assert.deepEqual(await foreign(broker, ["commit", "g", "shared", 1, 0, ""]), [{ errors: [0] }]);
  assert.deepEqual(await foreign(broker, ["committed", "g", "shared", 1]), [["shared", 1, 0, ""]]);
  const nothing = await foreign(broker, ["committed", "nobody", "shared", 1]);
  assert.deepEqual(nothing, [["shared", 1, -1, ""]]);
});

testOrSkip("Python understands what is refused, and its connection goes on", MISSING, async () => {
  await client.admin.createTopic("mistaken");
  const said = await foreign(broker, ["mistakes", "mistaken"]) as Record<string, unknown>[];
  const names = said.filter(({ mistake }) => mistake !== undefined)
    .map(({ mistake, code }) => [mistake, describeError(code as number).name]);
  assert.deepEqual(names, [
    ["unknown operation", "unknown_operation"],
    ["unknown version", "unsupported_version"],
    ["byte behind the last field", "invalid_request"],
    ["unknown handle", "unknown_handle"],
    ["wrong checksum", "batch_corrupt"],
    ["body cut short", "invalid_request"],
    ["absent topic", "topic_not_found"],
    ["absent partition", "partition_not_found"],
    ["offset above the end", "offset_out_of_range"],
    ["taken name", "topic_exists"],
    ["metadata of an absent topic", "topic_not_found"],
  ]);
  assert.equal(said[1]!["text"], "ping is known in version 0");
  assert.deepEqual(said.slice(-2), [{ commit: [20, 0] }, { alive: true }]);
  assert.equal((await client.admin.offsets("mistaken", 0)).logEnd, 0);
});

for (const form of ["none", "gzip", "gzip-members"]) {
  testOrSkip(`${form}: written by one, read by the other`, MISSING, async () => {
    await bothWays(broker, client, form, lines);
  });
}
