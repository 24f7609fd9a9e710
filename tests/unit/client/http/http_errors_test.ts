/** Errors of the typed client: fields of the problem, and a text for people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SluiceError } from "../../../../src/client/errors.ts";
import { HttpAnswerError, ProblemError } from "../../../../src/client/http/http_errors.ts";

const PROBLEM = {
  type: "/docs#topic_not_found",
  title: "There is no topic of this name.",
  status: 404,
  code: 20,
  name: "topic_not_found",
  retriable: false,
  hint: "Create it.",
};

test("a problem without more than its row", () => {
  const error = new ProblemError(PROBLEM);
  assert.ok(error instanceof SluiceError);
  assert.equal(error.message, "There is no topic of this name.");
  const { name, code, status, retriable, hint, detail, issues, records } = error;
  assert.deepEqual([name, code, status, retriable, hint], [
    "topic_not_found",
    20,
    404,
    false,
    "Create it.",
  ]);
  assert.deepEqual([detail, issues, records], ["", [], []]);
});

test("detail and issues are in the text", () => {
  const issues = [{ at: "body.name", message: "too long" }, { at: "query.limit", message: "no" }];
  const error = new ProblemError({
    ...PROBLEM,
    detail: "orders",
    issues,
    records: [{ offset: 1 }],
  });
  assert.equal(
    error.message,
    "There is no topic of this name: orders; body.name: too long; query.limit: no",
  );
  assert.deepEqual([error.detail, error.issues, error.records], ["orders", issues, [{
    offset: 1,
  }]]);
});

test("what may be tried again", () => {
  const names = ["http_unreachable", "http_cut", "http_unexpected"] as const;
  const found = names.map((name) => new HttpAnswerError(name, "m").retriable);
  assert.deepEqual(found, [true, true, false]);
});
