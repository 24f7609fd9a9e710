/** From where to read: what a request may say, and where that is in each partition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../../src/admin/problem.ts";
import { begin, parseStart } from "../../../../src/admin/records/start.ts";
import type { Admin, TopicState } from "../../../../src/client/admin.ts";
import { BrokerError } from "../../../../src/client/errors.ts";

type Partition = TopicState["partitions"][number];

const TOPIC_ID = "01234567-89ab-4cde-8f01-23456789abcd";

/** What the admin says of a topic "t"; its records have their offset as timestamp. */
function adminOf(ends: readonly (readonly [logStart: number, visibleEnd: number])[]): Admin {
  const partitions = ends.map(([logStart, visibleEnd]) => {
    return { logStart, visibleEnd, logEnd: visibleEnd } as Partition;
  });
  return {
    describeTopics: ([name]: string[]) => {
      return Promise.resolve([{
        name,
        topicId: TOPIC_ID,
        error: name === "t" ? 0 : 20,
        partitions,
      }]);
    },
    offsetForTime: (_topic: string, partition: number, timeMs: number) => {
      return Promise.resolve({ offset: Math.min(timeMs, ends[partition]![1]), timestamp: timeMs });
    },
  } as unknown as Admin;
}

const admin = adminOf([[0, 10], [4, 8], [0, 0]]);

async function at(text: string, partitions?: readonly number[]): Promise<string> {
  const { positions } = await begin(admin, "t", partitions, parseStart(text)!);
  return [...positions].map(([partition, offset]) => `${partition}:${offset}`).join(",");
}

test("ends, offsets, times and positions are read, and nothing else", () => {
  assert.equal(parseStart("earliest"), "earliest");
  assert.deepEqual(parseStart("4711"), { offset: 4711 });
  assert.deepEqual(parseStart("2026-01-31T12:00:00Z"), { timeMs: 1769860800000 });
  assert.deepEqual(parseStart("2026-01-31T13:00:00+01:00"), { timeMs: 1769860800000 });
  assert.deepEqual(parseStart("0:1,2:3"), { positions: new Map([[0, 1], [2, 3]]), tag: null });
  const wrong = ["", "Earliest", "-1", "01", "1.0", "9007199254740993", "2026-01-31", "1:", "now"];
  for (const text of wrong) assert.equal(parseStart(text), null, text);
});

test("every partition begins where it is meant", async () => {
  assert.equal(await at("earliest"), "0:0,1:4,2:0");
  assert.equal(await at("latest"), "0:10,1:8,2:0");
  assert.equal(await at("5", [0, 1]), "0:5,1:5");
  assert.equal(await at("1970-01-01T00:00:00.002Z"), "0:2,1:4,2:0");
  assert.equal(await at("0:3,1:8"), "0:3,1:8,2:0", "one that is new begins at its first record");
  assert.equal(await at("0:3,1:8@01234567"), "0:3,1:8,2:0", "it is the topic that they are of");
});

test("what is not there is told, and no other place is taken for it", async () => {
  const cases: [text: string, partitions: number[] | undefined, name: string][] = [
    ["5", undefined, "offset_out_of_range"],
    ["1:3", [1], "offset_out_of_range"],
    ["1:9", [1], "offset_out_of_range"],
    ["earliest", [3], "partition_not_found"],
  ];
  for (const [text, partitions, name] of cases) {
    await assert.rejects(at(text, partitions), (error: unknown) => {
      return error instanceof BrokerError && error.name === name;
    }, text);
  }
  await assert.rejects(begin(admin, "u", undefined, "earliest"), { name: "topic_not_found" });
  await assert.rejects(at("0:3,1:8@01234568"), (error: unknown) => {
    return error instanceof HttpError && error.error === "http_topic_replaced";
  });
  await assert.rejects(at("1:4", [0]), (error: unknown) => {
    return error instanceof HttpError && error.issues[0]?.at === "query.from";
  });
  const many = adminOf(Array.from({ length: 257 }, () => [0, 0] as const));
  await assert.rejects(begin(many, "t", undefined, "latest"), (error: unknown) => {
    return error instanceof HttpError && error.issues[0]?.at === "query.partitions";
  });
});
