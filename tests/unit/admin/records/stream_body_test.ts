/** An answer that is made while it is sent: by need, and told when its reader is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { streamBody } from "../../../../src/admin/records/stream_body.ts";
import { setTraceSink } from "../../../../src/base/trace.ts";
import { until } from "../../../support/until.ts";

interface Seen {
  made: number;
  isReturned: boolean;
  cuts: number;
  lefts: number;
}

function watched(texts: readonly string[], stallMs = Infinity) {
  const seen: Seen = { made: 0, isReturned: false, cuts: 0, lefts: 0 };
  const source = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    try {
      for (const text of texts) {
        seen.made += 1;
        if (text === "wrong") throw new Error("of the source");
        yield new TextEncoder().encode(text);
      }
    } finally {
      seen.isReturned = true;
    }
  };
  const cut = () => void (seen.cuts += 1);
  const left = () => void (seen.lefts += 1);
  return { seen, stream: streamBody(source(), { cut, left, stallMs }) };
}

test("nothing is made before it is asked for", async () => {
  const { seen, stream } = watched(["a", "ä"]);
  const reader = stream.getReader();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(seen.made, 0);
  const texts: string[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    texts.push(new TextDecoder().decode(next.value));
  }
  assert.deepEqual([texts, seen], [["a", "ä"], { made: 2, isReturned: true, cuts: 0, lefts: 0 }]);
});

test("a reader that goes ends the source", async () => {
  const { seen, stream } = watched(["a", "b", "c"]);
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  await until("the end of the source", () => seen.isReturned);
  assert.deepEqual(seen, { made: 1, isReturned: true, cuts: 0, lefts: 1 });
});

test("a source that throws cuts the connection, and the error is traced", async () => {
  const traced: string[] = [];
  setTraceSink((_, message) => traced.push(message));
  const { seen, stream } = watched(["a", "wrong"]);
  const reader = stream.getReader();
  await reader.read();
  void reader.read();
  await until("the cut", () => seen.cuts === 1);
  setTraceSink(() => {});
  assert.match(traced.join(), /of the source/);
});

test("a reader that takes nothing for too long is cut off, where that is wanted", async () => {
  const { seen, stream } = watched(["a", "b"], 5);
  const reader = stream.getReader();
  await reader.read();
  await until("the cut", () => seen.cuts === 1);
  const patient = watched(["a", "b"]);
  await patient.stream.getReader().read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(patient.seen.cuts, 0);
});
