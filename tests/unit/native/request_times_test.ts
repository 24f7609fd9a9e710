/** Times of requests: which kind, whose, and from when to when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { operation } from "../../../src/native/operations.ts";
import { RequestTimes } from "../../../src/native/request_times.ts";

const PRODUCE = operation("produce").code;
const PING = operation("ping").code;

function listed(times: RequestTimes) {
  return times.list().map(({ operation: name, isControl, timesUs }) => {
    return { name, isControl, count: timesUs.count, max: timesUs.max };
  });
}

test("a request takes from its turn to the end of the one that answers it", () => {
  const times = new RequestTimes();
  assert.deepEqual(listed(times), []);
  times.answered(PRODUCE, false, 100);
  times.answered(PRODUCE, false, 101.5);
  times.answered(PING, true, 101.75);
  assert.deepEqual(listed(times), [], "not before the turn is over");
  times.settle(102);
  assert.deepEqual(listed(times), [
    { name: "ping", isControl: true, count: 1, max: 250 },
    { name: "produce", isControl: false, count: 2, max: 2000 },
  ]);
  times.settle(200);
  assert.equal(listed(times)[1]!.count, 2, "nothing is counted again");
});

test("a turn may answer any number of them", () => {
  const times = new RequestTimes();
  for (let i = 0; i < 1000; i += 1) times.answered(PRODUCE, i % 2 === 0, i);
  times.settle(1000);
  assert.deepEqual(listed(times), [
    { name: "produce", isControl: false, count: 500, max: 999_000 },
    { name: "produce", isControl: true, count: 500, max: 1_000_000 },
  ]);
});
