/** How far a group is behind, in records and in time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { standOf } from "../../../src/admin/group_stand.ts";
import { Admin } from "../../../src/client/admin.ts";
import type { AdminPort } from "../../../src/client/admin_port.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Record N of a topic was made at N seconds. Of topic "gone" there is nothing left. */
function adminOf(committed: readonly Place[]): Admin {
  const answers: Readonly<Record<string, (values: never) => unknown>> = {
    "fetch_offsets": () => ({
      offsets: committed.map((place) => ({
        ...place,
        error: 0,
        leaderEpoch: -1,
        metadata: "m",
        commitTimestamp: 5000,
      })),
    }),
    "describe_topic": ({ topics }: { topics: { name: string }[] }) => ({
      topics: topics.map(({ name }) => ({
        name,
        error: name === "gone" ? ErrorCodes.topic_not_found : 0,
        partitions: name === "gone" ? [] : [{ logStart: 10, visibleEnd: 20 }],
      })),
    }),
    "offset_times": ({ places }: { places: Place[] }) => ({
      times: places.map(({ offset }) => ({ error: 0, timestamp: offset * 1000 })),
    }),
  };
  const request = (name: string, values: never) => Promise.resolve(answers[name]!(values));
  return new Admin({ request } as unknown as AdminPort);
}

async function lagOf(offset: number): Promise<(number | null)[]> {
  const { offsets } = await standOf(adminOf([{ topic: "t", partition: 0, offset }]), "g");
  return [offsets[0]!.lagRecords, offsets[0]!.lagMs];
}

test("from the first record that is not read and still there to the newest", async () => {
  assert.deepEqual(await lagOf(15), [5, 4000]);
  assert.deepEqual(await lagOf(19), [1, 0]);
  assert.deepEqual(await lagOf(20), [0, 0]);
  assert.deepEqual(await lagOf(3), [10, 9000], "what was deleted is not waited for");
  assert.deepEqual(await lagOf(99), [0, 0], "ahead of what is there");
});

test("of the group it is the sum and the longest; what is no more is not known", async () => {
  const places = [15, 18].map((offset) => ({ topic: `t${offset}`, partition: 0, offset }));
  const gone = { topic: "gone", partition: 0, offset: 7 };
  const stand = await standOf(adminOf([...places, gone]), "g");
  assert.deepEqual([stand.lagRecords, stand.lagMs], [7, 4000]);
  const { visibleEnd, lagRecords, lagMs, committedAt } = stand.offsets[2]!;
  assert.deepEqual([visibleEnd, lagRecords, lagMs], [null, null, null]);
  assert.equal(committedAt, "1970-01-01T00:00:05.000Z");
  assert.deepEqual((await standOf(adminOf([gone]), "g")).lagMs, null);
});

test("only of one topic, where that is asked; a group that committed nothing is none", async () => {
  const places = ["a", "b"].map((topic) => ({ topic, partition: 0, offset: 15 }));
  const { offsets } = await standOf(adminOf(places), "g", "b");
  assert.deepEqual(offsets.map(({ topic }) => topic), ["b"]);
  await assert.rejects(standOf(adminOf([]), "g"), (error: unknown) => {
    return error instanceof BrokerError && error.code === ErrorCodes.group_not_found;
  });
});
