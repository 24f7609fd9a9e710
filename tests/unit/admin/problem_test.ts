/** Errors as HTTP tells them: from the one table, and nothing of a bug. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  HttpError,
  problem,
  ProblemError,
  problemHeaders,
  problemOf,
  STATUS,
} from "../../../src/admin/problem.ts";
import { setTraceSink, type TraceLevel } from "../../../src/base/trace.ts";
import {
  BrokerError,
  ClosedError,
  ConnectionError,
  CorruptBatchError,
  DeliveryTimeoutError,
  RecordTooLargeError,
} from "../../../src/client/errors.ts";
import { ErrorCodes, ERRORS } from "../../../src/format/errors.ts";

test("every row of the table has a status that is an error", () => {
  for (const [code, name] of ERRORS) {
    if (code === 0) continue;
    assert.ok(STATUS[name] >= 400 && STATUS[name] <= 599, name);
    const told = problemOf(new BrokerError(code, "of this case"));
    assert.deepEqual([told.code, told.name, told.detail], [code, name, "of this case"]);
  }
});

test("a broker's error says what the table and the broker say", () => {
  assert.deepEqual(problemOf(new BrokerError(ErrorCodes.topic_not_found, "orders")), {
    type: "/docs#topic_not_found",
    title: "There is no topic of this name.",
    status: 404,
    code: 20,
    name: "topic_not_found",
    retriable: false,
    hint: "Create it: sluice topic create NAME.",
    detail: "orders",
  });
  assert.equal("detail" in problemOf(new BrokerError(ErrorCodes.disk_full)), false);
});

test("issues say where", () => {
  const issues = [{ at: "body.name", message: "too long" }];
  const told = problemOf(new HttpError("http_invalid_request", "", issues));
  assert.deepEqual([told.status, told.issues], [400, issues]);
});

test("a shard that is away or stopping is told as such", () => {
  const away = problemOf(new ConnectionError("gone", "connection_lost", "x"));
  assert.deepEqual([away.name, away.status, away.retriable], [
    "http_engine_unreachable",
    503,
    true,
  ]);
  assert.equal(problemOf(new ClosedError("door")).name, "shutting_down");
});

test("a record that is too large, or not acknowledged in time, is told as what it is", () => {
  const large = problemOf(new RecordTooLargeError(2000, 1000, 1061, 2100));
  assert.deepEqual([large.name, large.status], ["batch_too_large", 413]);
  assert.match(large.detail!, /max\.message\.bytes=2100/);
  const late = problemOf(new DeliveryTimeoutError("t", 0, 30, null));
  assert.deepEqual([late.name, late.status], ["http_delivery_timeout", 504]);
});

test("a stored batch that cannot be read is no mistake of who reads it", () => {
  const told = problemOf(new CorruptBatchError("its checksum does not fit", 7));
  assert.deepEqual([told.name, told.status], ["storage_failed", 500]);
  assert.match(told.detail!, /offset 7/);
});

test("a problem that is made already is told as it is", () => {
  const made = { ...problem("disk_full"), records: [{ offset: 1 }] };
  assert.equal(problemOf(new ProblemError(made)), made);
});

test("a bug is traced, and the client hears no more than that", () => {
  const traced: [TraceLevel, string][] = [];
  setTraceSink((level, message) => traced.push([level, message]));
  const told = problemOf(new TypeError("secret is not a function"));
  setTraceSink(() => {});
  assert.equal(told.name, "internal");
  assert.doesNotMatch(JSON.stringify(told), /secret/);
  assert.equal(traced.length, 1);
  assert.match(traced[0]![1], /secret is not a function/);
});

test("headers say when to try again, and what a token looks like", () => {
  assert.equal(problemHeaders(problem("shutting_down"))["retry-after"], "1");
  assert.equal(problemHeaders(problem("internal"))["retry-after"], undefined);
  assert.match(problemHeaders(problem("http_token_required"))["www-authenticate"]!, /^Bearer /);
});
