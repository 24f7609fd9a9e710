import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Admin } from "../../../src/client/admin.ts";
import { errorReply, valuesOf } from "./fake_broker.ts";
import { connection, fake, freshConnections } from "./fresh.ts";

const UNKNOWN_HANDLE = 9;

freshConnections();

let admin: Admin;

beforeEach(() => {
  admin = new Admin(connection);
});

test("createTopic sends its settings and gives the id", async () => {
  const config = [{ key: "durability", value: "os" }];
  const topicId = await admin.createTopic("t", { partitions: 3, config });
  assert.equal(topicId, "00000000-0000-0000-0000-00000000000a");
  const sent = valuesOf(fake.named("create_topic")[0]!);
  assert.deepEqual(sent, { name: "t", partitions: 3, config });
  await admin.createTopic("u");
  assert.deepEqual(valuesOf(fake.named("create_topic")[1]!), {
    name: "u",
    partitions: 1,
    config: [],
  });
});

test("topics and metadata", async () => {
  const topics = await admin.topics();
  assert.deepEqual(topics.map(({ name }) => name), ["t"]);
  assert.deepEqual(valuesOf(fake.named("metadata")[0]!), { topics: [] });
  assert.equal((await admin.metadata(["t"])).nodes[0]!.nodeId, 4);
  assert.deepEqual(valuesOf(fake.named("metadata")[1]!), { topics: [{ name: "t" }] });
});

test("offsets opens a partition once", async () => {
  const expected = { logStart: 1, visibleEnd: 2, durableEnd: 3, logEnd: 4 };
  assert.deepEqual(await admin.offsets("t", 0), expected);
  assert.deepEqual(await admin.offsets("t", 0), expected);
  await admin.offsets("t", 1);
  assert.equal(fake.named("open_partition").length, 2);
  assert.equal(fake.named("offsets").length, 3);
});

test("a handle that the broker no longer has is opened again, once", async () => {
  await admin.offsets("t", 0);
  const usual = fake.answer;
  let refusals = 1;
  fake.answer = (request) => {
    if (request.name !== "offsets" || refusals === 0) return usual(request);
    refusals -= 1;
    return errorReply(request.correlation, UNKNOWN_HANDLE, "");
  };
  assert.equal((await admin.offsets("t", 0)).visibleEnd, 2);
  assert.equal(fake.named("open_partition").length, 2);
  refusals = 2;
  await assert.rejects(admin.offsets("t", 0), { name: "unknown_handle" });
});

test("deleteTopic names it, and its partitions are opened again afterwards", async () => {
  for (const topic of ["t", "t/0"]) await admin.offsets(topic, 0);
  await admin.deleteTopic("t");
  assert.deepEqual(valuesOf(fake.named("delete_topic")[0]!), { name: "t" });
  for (const topic of ["t", "t/0"]) await admin.offsets(topic, 0);
  const opened = fake.named("open_partition").map((request) => valuesOf(request)["topic"]);
  assert.deepEqual(opened, ["t", "t/0", "t"]);
});

test("deleteRecords takes an offset or the end, offsetForTime a time", async () => {
  assert.equal(await admin.deleteRecords("t", 0, 12), 17);
  assert.equal(await admin.deleteRecords("t", 0, "end"), 17);
  const asked = fake.named("delete_records").map((request) => valuesOf(request)["offset"]);
  assert.deepEqual(asked, [12, -1]);
  assert.deepEqual(await admin.offsetForTime("t", 0, 1000), { offset: 5, timestamp: 1234 });
  assert.equal(valuesOf(fake.named("offset_for_time")[0]!)["timestamp"], 1000);
});

test("offsetTimes asks for some at a time, and knows nothing of what is not there", async () => {
  const places = Array.from({ length: 300 }, (_, offset) => ({ topic: "t", partition: 0, offset }));
  assert.deepEqual(await admin.offsetTimes(places), [1234, null, 1234, null]);
  const asked = fake.named("offset_times").map((request) => valuesOf(request)["places"]);
  assert.deepEqual(asked, [places.slice(0, 256), places.slice(256)]);
  assert.deepEqual(await admin.offsetTimes([]), []);
});

test("stats and ping", async () => {
  const counters = await admin.stats();
  assert.deepEqual(counters.map(({ name, value }) => [name, value]), [
    ["a_total", 1],
    ["b_bytes", 2],
  ]);
  assert.ok(await admin.ping() >= 0);
});
