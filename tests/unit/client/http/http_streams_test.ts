/** Lines and events, wherever their bytes are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, linesBody, linesOf } from "../../../../src/client/http/http_streams.ts";

function streamOf(bytes: Uint8Array, size: number, cancelled = (): void => {}) {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
    cancel: cancelled,
  });
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

const TEXT = '\uFEFF{"a":1}\n\n{"é☃":"\u2028"}\r\nthe last';

test("lines are the same wherever they are cut, also within a character", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let size = 1; size <= bytes.length; size += 1) {
    assert.deepEqual(await all(linesOf(streamOf(bytes, size))), TEXT.split("\n"));
  }
  assert.deepEqual(await all(linesOf(streamOf(new Uint8Array(0), 1))), []);
});

test("who leaves a loop ends the stream", async () => {
  let cancelled = 0;
  for await (
    const _ of linesOf(streamOf(new TextEncoder().encode("a\nb\nc\n"), 2, () => cancelled += 1))
  ) {
    break;
  }
  assert.equal(cancelled, 1);
});

test("events have their fields; comments, and what is no field, are passed over", async () => {
  const text = [
    "retry: 1000",
    "",
    ":still here",
    "",
    "id: 0:1",
    'data: {"a":1}',
    "unknown: x",
    "",
    "event: problem",
    "data: one",
    "data:two",
    "data",
    "retry: 5",
    "",
    "data: without its end",
  ];
  const wanted = [
    { id: "0:1", data: '{"a":1}' },
    { event: "problem", data: "one\ntwo\n", retry: 5 },
  ];
  for (const end of ["\n", "\r\n"]) {
    const bytes = new TextEncoder().encode(text.join(end));
    assert.deepEqual(await all(eventsOf(linesOf(streamOf(bytes, 3)))), wanted);
  }
});

test("values become lines as they are read, and are let go when nobody reads", async () => {
  let given = 0;
  let isOver = false;
  function* values(): Generator<object> {
    try {
      for (;;) yield { n: given += 1 };
    } finally {
      isOver = true;
    }
  }
  const reader = linesBody(values(), () => {}).getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), '{"n":1}\n');
  assert.ok(given < 5, "not all at once");
  await reader.cancel();
  assert.equal(isOver, true);
});

test("what values throw is heard", async () => {
  const heard: unknown[] = [];
  const broken = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new RangeError("no more")) }),
  };
  const reader = linesBody(broken, (error) => heard.push(error)).getReader();
  await assert.rejects(reader.read(), /no more/);
  assert.deepEqual(heard, [new RangeError("no more")]);
});
