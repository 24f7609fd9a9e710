/** Every operation has its handler, and says when it may be called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROL_OPERATIONS } from "../../../../src/native/control_operations.ts";
import { handlerOf } from "../../../../src/native/handlers/table.ts";
import { OPERATIONS } from "../../../../src/native/operations.ts";

test("every operation of both tables has a handler of its name and version", () => {
  for (const row of [...OPERATIONS, ...CONTROL_OPERATIONS]) {
    const handler = handlerOf(row.code)!;
    assert.deepEqual([handler.name, handler.version], [row.name, row.version]);
    assert.equal(handler.beforeHello, row.name === "hello");
  }
});

test("control operations, and only they, are for the shard's own socket", () => {
  for (const { code } of OPERATIONS) assert.equal(handlerOf(code)!.controlOnly, false);
  for (const { code } of CONTROL_OPERATIONS) assert.equal(handlerOf(code)!.controlOnly, true);
});

test("a question is none of the data path, and none that changes something", () => {
  const questions = OPERATIONS.filter(({ code }) => handlerOf(code)!.isQuestion);
  assert.ok(questions.every(({ code }) => !handlerOf(code)!.isHot));
  const changing = /^(create|delete|alter|add|commit|init|open|close|subscribe|unsubscribe|pace)/;
  for (const { name } of questions) assert.doesNotMatch(name, changing);
  for (const name of ["stats", "histograms", "topic_counters", "health"]) {
    assert.ok(questions.some((row) => row.name === name), name);
  }
});

test("every other code has none", () => {
  const known = new Set<number>([...OPERATIONS, ...CONTROL_OPERATIONS].map(({ code }) => code));
  for (let code = 0; code < 65536; code += 1) {
    if (!known.has(code)) assert.equal(handlerOf(code), undefined);
  }
});
