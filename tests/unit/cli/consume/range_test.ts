/** Places on the command line become offsets; what is asked of the broker is asked once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Admin } from "../../../../src/client/admin.ts";
import { offsetAt, rangeOf, type RangeWanted } from "../../../../src/cli/consume/range.ts";

const ENDS = { logStart: 5, visibleEnd: 9 };

/** A record was made every second: the one at offset N at N seconds. */
function admin(asked: number[] = []): Admin {
  return {
    offsetForTime: (_topic: string, _partition: number, timeMs: number) => {
      asked.push(timeMs);
      const offset = Math.min(9, Math.max(5, Math.ceil(timeMs / 1000)));
      return Promise.resolve({ offset, timestamp: offset * 1000 });
    },
  } as unknown as Admin;
}

function range(wanted: Partial<RangeWanted>): ReturnType<typeof rangeOf> {
  const asked = { topic: "t", partition: 0, from: "beginning", until: undefined, follow: false };
  return rangeOf({ ...asked, ...wanted } as RangeWanted, ENDS, admin());
}

test("a place names an offset", () => {
  assert.equal(offsetAt("beginning", ENDS), 5);
  assert.equal(offsetAt("end", ENDS), 9);
  assert.equal(offsetAt(7, ENDS), 7);
});

test("without --until it is to the visible end, or to none", async () => {
  assert.deepEqual(await range({}), { from: 5, to: 9 });
  assert.deepEqual(await range({ follow: true }), { from: 5, to: Infinity });
  assert.deepEqual(await range({ from: "end", follow: true }), { from: 9, to: Infinity });
});

test("--until is before an offset, a time or the end", async () => {
  assert.deepEqual(await range({ until: 7 }), { from: 5, to: 7 });
  assert.deepEqual(await range({ from: { timeMs: 6000 }, until: { timeMs: 8000 } }), {
    from: 6,
    to: 8,
  });
  assert.deepEqual(await range({ until: 100 }), { from: 5, to: 9 }, "there is no more yet");
  assert.deepEqual(await range({ until: 100, follow: true }), { from: 5, to: 100 });
  assert.deepEqual(await range({ until: "end", follow: true }), { from: 5, to: 9 });
});

test("a span counts back from now", async () => {
  const asked: number[] = [];
  const before = Date.now();
  const wanted = { topic: "t", partition: 0, from: { agoMs: 1000 }, until: undefined };
  await rangeOf({ ...wanted, follow: false }, ENDS, admin(asked));
  assert.equal(asked.length, 1);
  assert.ok(asked[0]! >= before - 1000 && asked[0]! <= Date.now() - 1000);
});
