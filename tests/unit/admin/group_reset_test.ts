/** Where a group is moved to, whatever it is asked by; never outside of what is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { movesOf, type ResetTarget, resetWanted } from "../../../src/admin/group_reset.ts";
import { HttpError } from "../../../src/admin/problem.ts";
import { Admin } from "../../../src/client/admin.ts";
import type { AdminPort } from "../../../src/client/admin_port.ts";
import { BrokerError } from "../../../src/client/errors.ts";

/** Partition 0 holds 10 to 20, partition 1 nothing; 15 is committed in partition 0. */
function adminOf(): Admin {
  const replies: Readonly<Record<string, unknown>> = {
    "describe_topic": {
      topics: [{
        error: 0,
        name: "t",
        partitions: [{ logStart: 10, visibleEnd: 20 }, { logStart: 0, visibleEnd: 0 }],
      }],
    },
    "fetch_offsets": {
      offsets: [
        { error: 0, topic: "t", partition: 0, offset: 15, metadata: "", commitTimestamp: 1 },
        { error: 0, topic: "t", partition: 1, offset: -1, metadata: "", commitTimestamp: -1 },
      ],
    },
    "offset_for_time": { offset: 17, timestamp: 1000 },
  };
  const port = {
    request: (name: string) => Promise.resolve(replies[name]),
    requestOf: (name: string) => Promise.resolve(replies[name]),
  };
  return new Admin(port as unknown as AdminPort);
}

async function afterOf(to: ResetTarget, partitions?: number[]): Promise<[number | null, number][]> {
  const wanted = { topic: "t", partitions, to, dryRun: true };
  const moves = await movesOf(adminOf(), "g", wanted);
  return moves.map(({ before, after }) => [before, after]);
}

test("beginning, end, an offset, a time and a shift", async () => {
  assert.deepEqual(await afterOf("beginning"), [[15, 10], [null, 0]]);
  assert.deepEqual(await afterOf("end"), [[15, 20], [null, 0]]);
  assert.deepEqual(await afterOf({ offset: 12 }), [[15, 12], [null, 0]]);
  assert.deepEqual(await afterOf({ time: "2026-01-31T12:00:00Z" }, [0]), [[15, 17]]);
  assert.deepEqual(await afterOf({ shift: -2 }, [0]), [[15, 13]]);
});

test("what would lie outside is cut, and a partition that is named twice moves once", async () => {
  assert.deepEqual(await afterOf({ offset: 3 }, [0, 0]), [[15, 10]]);
  assert.deepEqual(await afterOf({ offset: 99 }, [0]), [[15, 20]]);
  assert.deepEqual(await afterOf({ shift: 6 }, [0]), [[15, 20]]);
  assert.deepEqual(await afterOf({ shift: -6 }, [0]), [[15, 10]]);
});

test("without an offset there is nothing to shift, and no partition but those", async () => {
  await assert.rejects(afterOf({ shift: 1 }), (error: unknown) => {
    return error instanceof HttpError && error.message.includes("t/1");
  });
  await assert.rejects(afterOf("end", [2]), BrokerError);
});

test("what is asked is checked", () => {
  const good: unknown[] = [
    { topic: "t", to: "end" },
    { topic: "t", to: { time: "2026-01-31T12:00:00+01:00" }, partitions: [0], dryRun: true },
  ];
  for (const wanted of good) assert.equal(resetWanted.safeParse(wanted).success, true);
  const wrong: unknown[] = [
    {},
    { topic: "t" },
    { topic: "..", to: "end" },
    { topic: "t", to: { offset: 1, shift: 1 } },
    { topic: "t", to: { time: "yesterday" } },
    { topic: "t", to: "end", partitions: [] },
    { topic: "t", to: "end", partitions: [-1] },
    { topic: "t", to: "end", dryrun: true },
  ];
  for (const wanted of wrong) {
    assert.equal(resetWanted.safeParse(wanted).success, false, JSON.stringify(wanted));
  }
});
