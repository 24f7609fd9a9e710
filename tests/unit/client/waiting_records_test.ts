import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Waiting, WaitingRecords } from "../../../src/client/waiting_records.ts";

function waiting(value: string, deadlineMs = 0, reject: (error: unknown) => void = () => {}) {
  const record = { topic: "t", value };
  return { record, deadlineMs, resolve: null, reject, taken: null } satisfies Waiting;
}

describe("WaitingRecords", () => {
  test("first in, first out, over many more than are kept", () => {
    const records = new WaitingRecords();
    let next = 0;
    for (let i = 0; i < 5000; i += 1) {
      records.push(waiting(`${i}`));
      if (i % 3 === 0) continue;
      assert.equal(records.first!.record.value, `${next}`);
      records.shift();
      next += 1;
    }
    while (!records.isEmpty) {
      assert.equal(records.first!.record.value, `${next}`);
      records.shift();
      next += 1;
    }
    assert.equal(next, 5000);
    assert.equal(records.first, null);
  });

  test("those whose time is over come out, and those behind them stay", () => {
    const records = new WaitingRecords();
    for (const deadlineMs of [1, 2, 3, 4]) records.push(waiting(`${deadlineMs}`, deadlineMs));
    assert.deepEqual(records.expired(2).map(({ deadlineMs }) => deadlineMs), [1, 2]);
    assert.equal(records.first!.deadlineMs, 3);
  });

  test("whenTaken waits for those that wait now and for no other", async () => {
    const records = new WaitingRecords();
    await records.whenTaken();
    records.push(waiting("a"));
    records.push(waiting("b"));
    let isTaken = false;
    const taken = records.whenTaken().then(() => (isTaken = true));
    records.push(waiting("c"));
    records.shift();
    await Promise.resolve();
    assert.equal(isTaken, false);
    records.shift();
    await taken;
    assert.equal(records.first!.record.value, "c");
  });

  test("all are refused in their order", () => {
    const records = new WaitingRecords();
    const refused: string[] = [];
    for (const value of ["a", "b"]) {
      records.push(waiting(value, 0, (error) => refused.push(`${value} ${error}`)));
    }
    records.refuseAll("over");
    assert.deepEqual(refused, ["a over", "b over"]);
    assert.ok(records.isEmpty);
  });
});
