import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RecordEncoder } from "../../../src/client/record_encoder.ts";
import type { ProducerRecord } from "../../../src/client/record.ts";

const encoder = new TextEncoder();

/** Key, value and headers of a record, as the encoder has them. */
function taken(taker: RecordEncoder, record: Partial<ProducerRecord>): unknown[] {
  taker.take({ topic: "t", ...record });
  const key = taker.key?.slice(taker.keyStart, taker.keyEnd) ?? null;
  const value = taker.value?.slice(taker.valueStart, taker.valueEnd) ?? null;
  return [key, value, taker.headers];
}

describe("RecordEncoder", () => {
  test("text and bytes, in every combination, one record after another", () => {
    const taker = new RecordEncoder();
    const long = "ö€😀".repeat(5000); // moves the scratch while a key is in it
    const values = [null, "", "ä", long, new Uint8Array(0), new Uint8Array([1, 2])];
    const bytesOf = (value: string | Uint8Array | null): Uint8Array | null => {
      return typeof value === "string" ? encoder.encode(value) : value;
    };
    for (const key of values) {
      for (const value of values) {
        assert.deepEqual(taken(taker, { key, value }), [bytesOf(key), bytesOf(value), null]);
      }
    }
    assert.deepEqual(taken(taker, {}), [null, null, null]);
  });

  test("headers as they stand in a record", () => {
    const taker = new RecordEncoder();
    const headers = [["a", "xy"], ["a", null], ["b", new Uint8Array([9])]] as const;
    const bytes = [6, 2, 97, 4, 120, 121, 2, 97, 1, 2, 98, 2, 9];
    assert.deepEqual(taken(taker, { headers })[2], new Uint8Array(bytes));
    assert.deepEqual(taken(taker, { headers: { a: "" } })[2], new Uint8Array([2, 2, 97, 0]));
    assert.equal(taken(taker, { headers: {} })[2], null);
  });

  test("the time is that of the record, or now", () => {
    const taker = new RecordEncoder();
    taker.take({ topic: "t", timestampMs: 5 });
    assert.equal(taker.timestampMs, 5);
    const before = Date.now();
    taker.take({ topic: "t" });
    assert.ok(taker.timestampMs >= before && taker.timestampMs <= Date.now());
  });

  test("what is no bytes and no time is refused by name", () => {
    const taker = new RecordEncoder();
    const refused: [object, RegExp][] = [
      [{ key: 7 }, /key of a record is "?number"?/],
      [{ value: {} }, /value of a record/],
      [{ value: new ArrayBuffer(3) }, /value of a record/],
      [{ headers: { a: 1 } }, /a header/],
      [{ timestampMs: 1.5 }, /timestampMs is 1.5/],
      [{ timestampMs: NaN }, /timestampMs is NaN/],
    ];
    for (const [record, message] of refused) {
      const take = (): void => taker.take({ topic: "t", ...record });
      assert.throws(take, { name: "invalid_option", message });
    }
  });
});
