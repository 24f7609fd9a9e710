/** A body piece by piece: no more is read than was asked for, and waiting has its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../../src/admin/problem.ts";
import { BodyReader } from "../../../../src/admin/records/body_reader.ts";
import { ClosedError } from "../../../../src/client/errors.ts";

const LONG_MS = 60_000;

test("pieces come in their order, and only when they are asked for", async () => {
  let pulled = 0;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      pulled += 1;
      if (pulled > 2) controller.close();
      else controller.enqueue(Uint8Array.of(pulled));
    },
  }, { highWaterMark: 0 });
  const body = new BodyReader(stream, LONG_MS);
  assert.equal(pulled, 0);
  assert.deepEqual(await body.read(), Uint8Array.of(1));
  assert.equal(pulled, 1);
  assert.deepEqual(await body.read(), Uint8Array.of(2));
  assert.equal(await body.read(), null);
  assert.equal(await new BodyReader(null, LONG_MS).read(), null);
});

test("who pauses too long, and who cuts it short, is told so", async () => {
  const silent = new BodyReader(new ReadableStream(), 5);
  for (let again = 0; again < 2; again += 1) {
    await assert.rejects(silent.read(), (error: unknown) => {
      return error instanceof HttpError && error.error === "http_body_slow";
    });
  }
  const cut = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.error(new Error("gone"));
    },
  });
  await assert.rejects(new BodyReader(cut, LONG_MS).read(), (error: unknown) => {
    return error instanceof HttpError && error.error === "http_invalid_request" &&
      /gone/.test(error.message);
  });
});

test("after leaving nothing is read, and who waits hears so", async () => {
  const body = new BodyReader(new ReadableStream(), LONG_MS);
  const waiting = assert.rejects(body.read(), ClosedError);
  body.leave();
  await waiting;
  await assert.rejects(body.read(), ClosedError);
});
