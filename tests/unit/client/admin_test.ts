import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Admin } from "../../../src/client/admin.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { DESCRIBED_AT_ONCE, TOPICS_LISTED_MAX } from "../../../src/limits.ts";
import { errorReply, reply, valuesOf } from "./fake_broker.ts";
import { connection, fake, freshConnections } from "./fresh.ts";

const UNKNOWN_HANDLE = 9;
const NO_ID = "00000000-0000-0000-0000-000000000000";

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
  assert.deepEqual(valuesOf(fake.named("list_topics")[0]!), {
    after: "",
    limit: TOPICS_LISTED_MAX,
  });
  assert.deepEqual(valuesOf(fake.named("metadata")[0]!), { topics: [{ name: "t" }] });
  assert.equal((await admin.metadata(["t"])).nodes[0]!.nodeId, 4);
  assert.deepEqual(valuesOf(fake.named("metadata")[1]!), { topics: [{ name: "t" }] });
});

test("thousands of topics are listed and described in pieces", async () => {
  const all = Array.from({ length: 2500 }, (_, number) => {
    const name = `t${String(number).padStart(4, "0")}`;
    return { name, partitions: number === 7 ? 1024 : 1 };
  });
  const asked: number[] = [];
  fake.answer = (request) => {
    if (request.name === "list_topics") {
      const { after, limit } = valuesOf(request) as { after: string; limit: number };
      const topics = all.filter((topic) => topic.name > after).slice(0, limit)
        .map((topic) => ({ ...topic, topicId: NO_ID }));
      return reply(request, { topics });
    }
    if (request.name !== "metadata") return undefined;
    const { topics: named } = valuesOf(request) as { topics: { name: string }[] };
    asked.push(named.length);
    const topics = named.map((topic) => {
      const error = topic.name === "t0009" ? ErrorCodes.topic_not_found : 0;
      return { ...topic, error, topicId: NO_ID, partitions: [], config: [] };
    });
    return reply(request, { nodes: [], topics });
  };
  const found = (await admin.topics()).map(({ name }) => name);
  const there = all.map(({ name }) => name).filter((name) => name !== "t0009");
  assert.deepEqual(found, there, "each once, and none that was deleted meanwhile");
  assert.equal(fake.named("list_topics").length, Math.ceil(2500 / TOPICS_LISTED_MAX));
  assert.equal(asked.reduce((sum, count) => sum + count, 0), 2500);
  assert.equal(asked[0], 8, "a topic of very many partitions ends a piece");
  assert.ok(Math.max(...asked) <= DESCRIBED_AT_ONCE / 2, "as do so many topics");
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
