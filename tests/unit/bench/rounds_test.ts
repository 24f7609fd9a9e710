/** The order of rounds, and which of them count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { figures, ratios, runRounds } from "../../../bench/rounds.ts";

function variants(order: string[]) {
  const measure = (name: string, value: number) => () => {
    order.push(name);
    return Promise.resolve(value);
  };
  return { ours: measure("ours", 6), limit: measure("limit", 3) };
}

test("every variant is measured once a round, in an order that turns", async () => {
  const order: string[] = [];
  const rounds = await runRounds(variants(order), { count: 3 });
  assert.deepEqual(order, ["ours", "limit", "limit", "ours", "ours", "limit"]);
  assert.equal(rounds.disturbed, 0);
  assert.deepEqual(figures(rounds, "ours", (value) => value), [6, 6, 6]);
  assert.deepEqual(ratios(rounds, "ours", "limit", (value) => value), [2, 2, 2]);
});

test("a disturbed round is measured again, at most for half as many as are wanted", async () => {
  const numbers: number[] = [];
  const onRound = (_: unknown, number: number) => numbers.push(number);
  const rounds = await runRounds(variants([]), { count: 4, isDisturbed: () => true, onRound });
  assert.equal(rounds.disturbed, 2);
  assert.equal(rounds.counted.length, 4);
  assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6]);
});
