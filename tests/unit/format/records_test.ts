/** Records inside a batch: what fills it exactly, its highest timestamp, no read beyond it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { highestDelta, lowestDelta, NOT_RECORDS } from "../../../src/format/records.ts";
import { concat, encodeRecord, varint } from "../../support/batches.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

/** Bytes that fail the test when something reads outside of [from, end). */
function guarded(bytes: Uint8Array, from: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && /^-?\d+$/.test(key)) {
        const at = Number(key);
        assert.ok(at >= from && at < end, `byte ${at} is outside of ${from} to ${end}`);
        return target[at];
      }
      return assert.fail(`only bytes are read, not ${String(key)}`);
    },
  });
}

function highest(records: Uint8Array | readonly number[], count: number): number {
  const bytes = concat([Uint8Array.of(0, 0, 0), Uint8Array.from(records), new Uint8Array(40)]);
  const end = 3 + records.length;
  return highestDelta(guarded(bytes, 3, end), 3, end, count);
}

function fits(records: Uint8Array | readonly number[], count: number): boolean {
  return highest(records, count) !== NOT_RECORDS;
}

function randomRecords(prng: Prng, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const part = () => prng.chance(20) ? null : prng.bytes(prng.pick([0, 1, 63, 64, 300]));
    const headers = Array.from({ length: prng.below(3) }, () => ({
      key: "k".repeat(prng.below(70)),
      value: part(),
    }));
    const timestampDelta = prng.pick([0, -1, 63, 64, 2 ** 45]);
    return encodeRecord({ key: part(), value: part(), headers, timestampDelta }, i);
  }).flat();
}

test("records fill their batch exactly, in exactly their number", () => {
  forSeeds(100, (prng) => {
    const count = prng.between(1, 8);
    const bytes = randomRecords(prng, count);
    assert.equal(fits(bytes, count), true);
    assert.equal(fits(bytes, count - 1), count - 1 === 0 && bytes.length === 0);
    assert.equal(fits(bytes, count + 1), false);
    assert.equal(fits([...bytes, 0], count), false);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      assert.equal(fits(bytes.slice(0, cut), count), false);
    }
  });
  assert.equal(fits([], 2147483647), false);
});

const SAFE = Number.MAX_SAFE_INTEGER;
/** Around every length that the varlong of a delta within 53 bits can have. */
const DELTAS = [0, 1, 63, 64, 2 ** 27 - 1, 2 ** 27, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 45, 2 ** 52]
  .flatMap((delta) => [delta, -delta - 1, delta + 1, -delta - 2]);

/** A varlong of any 64 bits, as Java writes it. */
function varlong(value: bigint): number[] {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function recordAt(delta: bigint, offsetDelta: number): number[] {
  const body = [0, ...varlong(delta), ...varint(offsetDelta), ...varint(-1), ...varint(-1), 0];
  return [...varint(body.length), ...body];
}

test("the highest and the lowest delta are found, in whatever order they are", () => {
  for (const delta of [...DELTAS, SAFE, -SAFE]) {
    assert.equal(highest(recordAt(BigInt(delta), 0), 1), delta);
    assert.equal(lowestDelta, delta);
  }
  forSeeds(200, (prng) => {
    const deltas = Array.from(
      { length: prng.between(1, 6) },
      () => prng.chance(60) ? prng.between(-90, 90) : prng.pick(DELTAS),
    );
    const records = deltas.flatMap((delta, i) => recordAt(BigInt(delta), i));
    assert.equal(highest(records, deltas.length), Math.max(...deltas));
    assert.equal(lowestDelta, Math.min(...deltas));
  });
});

test("a delta outside of 53 bits is refused", () => {
  for (const delta of [2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n]) {
    assert.equal(fits([...recordAt(7n, 0), ...recordAt(delta, 1)], 2), false, `${delta}`);
    assert.equal(fits([...recordAt(7n, 0), ...recordAt(-delta - 1n, 1)], 2), false, `-${delta}`);
  }
});

test("each field must stand inside its record", () => {
  const body = (fields: readonly number[][]) => {
    const bytes = fields.flat();
    return [...varint(bytes.length), ...bytes];
  };
  const right = [[0], [0], varint(0), varint(-1), varint(1), [9], varint(0)];
  const change = (at: number, field: number[]) => body(right.with(at, field));
  assert.equal(fits(body(right), 1), true);
  const wrong: [string, number[]][] = [
    ["attributes", change(0, [1])],
    ["an offset delta of another record", change(2, varint(1))],
    ["a negative offset delta", change(2, varint(-1))],
    ["a key size of -2", change(3, varint(-2))],
    ["a key beyond the record", change(3, varint(100))],
    ["a key of 2^31 - 1", change(3, varint(2147483647))],
    ["a value size of -2", change(4, varint(-2))],
    ["a value one too large", change(4, varint(3))],
    ["a value one too small", change(4, varint(0))],
    ["a negative header count", change(6, varint(-1))],
    ["a header count of 2^31 - 1", change(6, varint(2147483647))],
    ["a header without its bytes", change(6, varint(1))],
    ["a header with a null key", body([...right.slice(0, 6), varint(1), varint(-1), varint(-1)])],
    ["a record length too small", [...varint(5), ...body(right).slice(1)]],
    ["a negative record length", [...varint(-7), ...body(right).slice(1)]],
    ["a record length of 2^31 - 1", [...varint(2147483647), ...body(right).slice(1)]],
  ];
  for (const [what, bytes] of wrong) assert.equal(fits(bytes, 1), false, what);
});

test("varints that are too long are refused", () => {
  const tail = [...varint(0), ...varint(-1), ...varint(-1), ...varint(0)];
  const withDelta = (delta: number[]) => {
    const bytes = [0, ...delta, ...tail];
    return [...varint(bytes.length), ...bytes];
  };
  const long = (bytes: number) => [...new Array<number>(bytes - 1).fill(0x80), 0];
  for (let bytes = 1; bytes <= 12; bytes += 1) {
    assert.equal(fits(withDelta(long(bytes)), 1), bytes <= 10, `a timestamp of ${bytes} bytes`);
  }
  for (let bytes = 1; bytes <= 7; bytes += 1) {
    const record = [0, 0, ...long(bytes), ...varint(-1), ...varint(-1), ...varint(0)];
    const whole = [...varint(record.length), ...record];
    assert.equal(fits(whole, 1), bytes <= 5, `an offset delta of ${bytes} bytes`);
  }
});

test("random bytes and bent records never throw and are never read beyond their end", () => {
  forSeeds(3000, (prng) => {
    const count = prng.between(1, 5);
    const bytes = prng.chance(50) ? [...prng.bytes(prng.below(60))] : randomRecords(prng, count);
    for (let i = prng.below(4); i > 0 && bytes.length > 0; i -= 1) {
      bytes[prng.below(bytes.length)] = prng.pick([0, 1, 127, 128, 255, prng.below(256)]);
    }
    assert.equal(typeof highest(bytes, prng.pick([count, 1, 2147483647])), "number");
  });
});
