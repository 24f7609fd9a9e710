import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BrokerError,
  ConnectionError,
  LOCAL_ERROR,
  RecordTooLargeError,
  SluiceError,
} from "../../../src/client/errors.ts";
import { ErrorCodes, ERRORS } from "../../../src/format/errors.ts";

test("an error of the broker carries its row, and what the broker said", () => {
  for (const [code, name, retriable, text, hint] of ERRORS) {
    const error = new BrokerError(code);
    assert.ok(error instanceof SluiceError && error instanceof Error);
    assert.deepEqual(
      [error.code, error.name, error.retriable, error.message, error.hint],
      [code, name, retriable, text, hint],
    );
  }
  const error = new BrokerError(ErrorCodes.topic_exists, "orders");
  assert.equal(error.message, "A topic of this name exists: orders");
});

test("a code of a newer broker is told as such", () => {
  const error = new BrokerError(60000, "why");
  assert.equal(error.name, "unknown");
  assert.match(error.message, /60000.*why/);
});

test("a lost connection names the address", () => {
  const error = new ConnectionError("gone", "connection_lost", "127.0.0.1:7400");
  assert.equal(error.code, LOCAL_ERROR);
  assert.ok(error.retriable);
  assert.match(error.hint, /127\.0\.0\.1:7400/);
});

test("a record too large names the limit, the setting, and the value it needs", () => {
  const error = new RecordTooLargeError(1048576, 1048516, 1048588, 1048650);
  assert.equal(error.code, ErrorCodes.batch_too_large);
  assert.match(error.message, /1048576 bytes.*1048516 bytes.*max\.message\.bytes=1048588/);
  assert.match(error.message, /needs max\.message\.bytes=1048650/);
  assert.equal(error.neededMaxMessageBytes, 1048650);
});

test("a record above every setting says so", () => {
  const error = new RecordTooLargeError(2 ** 27, 1048516, 1048588, 2 ** 27 + 100);
  assert.match(error.message, /no setting allows it: max\.message\.bytes ends at 67108864/);
  assert.equal(error.neededMaxMessageBytes, 0);
});
