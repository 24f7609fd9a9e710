/** Bodies by their tables: round trips, and whatever does not fit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeU64 } from "../../../src/base/bytes.ts";
import { LIST_ELEMENTS_MAX } from "../../../src/limits.ts";
import { BodyError, decodeBody, encodeBody, encodedOnce } from "../../../src/native/codec.ts";
import { CONTROL_OPERATIONS } from "../../../src/native/control_operations.ts";
import { OPERATIONS } from "../../../src/native/operations.ts";
import type { Scalar, Table, ValueOf } from "../../../src/native/table.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

const EVERYTHING = [
  ["a", "u8", ""],
  ["b", "u16", ""],
  ["c", "u32", ""],
  ["d", "u64", ""],
  ["e", "i64", ""],
  ["id", "uuid", ""],
  ["text", "string", ""],
  ["list", [["key", "string", ""], ["inner", [["n", "u8", ""]], ""]], ""],
  ["tail", "rest", ""],
] as const;

const TABLES: Table[] = [
  EVERYTHING,
  ...OPERATIONS.flatMap(({ request, reply }): Table[] => [request, reply]),
  ...CONTROL_OPERATIONS.flatMap(({ request, reply }): Table[] => [request, reply]),
];

function randomValue(prng: Prng, type: Scalar | Table): unknown {
  if (typeof type !== "string") {
    return Array.from({ length: prng.below(4) }, () => randomValues(prng, type));
  }
  switch (type) {
    case "u8":
      return prng.below(256);
    case "u16":
      return prng.below(65536);
    case "u32":
      return prng.next();
    case "u64":
      return prng.pick([0, 1, 4294967295, 4294967296, Number.MAX_SAFE_INTEGER, prng.next()]);
    case "i64":
      return prng.pick([0, -1, -4294967296, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
    case "uuid": {
      const hex = [...prng.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    }
    case "string":
      return prng.pick(["", "a", "ü€😀", "x".repeat(prng.below(300)), "\u0000"]);
    case "rest":
      return prng.bytes(prng.below(40));
  }
}

function randomValues(prng: Prng, table: Table): Record<string, unknown> {
  return Object.fromEntries(table.map(([name, type]) => [name, randomValue(prng, type)]));
}

test("decoding gives back what was encoded, for every table; each shorter body is refused", () => {
  forSeeds(30, (prng) => {
    for (const table of TABLES) {
      const value = randomValues(prng, table) as ValueOf<Table>;
      const bytes = encodeBody(table, value, 5);
      assert.deepEqual([...bytes.subarray(0, 5)], [0, 0, 0, 0, 0], "room for a frame's header");
      assert.deepEqual(decodeBody(table, bytes, 5, bytes.length), value);
      if (table.some(([, type]) => type === "rest")) continue;
      for (let end = 5; end < bytes.length; end += 1) {
        assert.throws(() => decodeBody(table, bytes, 5, end), BodyError);
      }
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      assert.throws(() => decodeBody(table, longer, 5, longer.length), /follow the last field/);
    }
  });
});

test("decoding reads nothing outside of its range; random bytes are values or a BodyError", () => {
  forSeeds(300, (prng) => {
    const table = prng.pick(TABLES);
    const size = prng.below(80);
    const start = prng.below(10);
    const body = prng.bytes(size).map((byte) => prng.chance(50) ? 0 : byte);
    const outcomes = [0x00, 0xff].map((around) => {
      const bytes = new Uint8Array(start + size + 70000).fill(around);
      bytes.set(body, start);
      try {
        return JSON.stringify(decodeBody(table, bytes, start, start + size));
      } catch (error) {
        assert.ok(error instanceof BodyError, String(error));
        return error.message;
      }
    });
    assert.equal(outcomes[0], outcomes[1], "what lies around does not matter");
  });
});

test("a count is believed only as far as the bytes go, and never above the limit", () => {
  const table = [["list", [["n", "u8", ""]], ""]] as const;
  const body = (count: number, size: number) => {
    const bytes = new Uint8Array(4 + size);
    new DataView(bytes.buffer).setUint32(0, count);
    return bytes;
  };
  const decode = (bytes: Uint8Array) => decodeBody(table, bytes, 0, bytes.length);
  assert.equal(decode(body(LIST_ELEMENTS_MAX, LIST_ELEMENTS_MAX)).list.length, LIST_ELEMENTS_MAX);
  const more = LIST_ELEMENTS_MAX + 1;
  assert.throws(() => decode(body(more, more)), /list has too many elements/);
  assert.throws(() => decode(body(4294967295, 100)), BodyError);
  assert.throws(() => decode(body(101, 100)), /ends inside list/);
  const empty = [["list", [], ""]] as const;
  assert.throws(() => decodeBody(empty, body(4294967295, 0), 0, 4), BodyError);
});

test("numbers above 2^53 and text that is not UTF-8 are refused by the field's name", () => {
  const number = [["offset", "u64", ""]] as const;
  const large = Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0);
  assert.throws(() => decodeBody(number, large, 0, 8), /offset is above 2\^53/);
  const text = [["name", "string", ""]] as const;
  for (const bytes of [[0, 1, 0xff], [0, 2, 0xc3, 0x28], [0, 3, 0xed, 0xa0, 0x80]]) {
    const body = Uint8Array.from(bytes);
    assert.throws(() => decodeBody(text, body, 0, body.length), /name is not UTF-8/);
  }
});

test("a list that its owner writes is the same bytes as one that was made", () => {
  const table = [
    ["name", "string", ""],
    ["list", [["a", "u64", ""], ["b", "u8", ""]], ""],
    ["end", "u8", ""],
  ] as const;
  for (const values of [[], [7], [1, 2, 3]]) {
    const written = {
      count: values.length,
      size: 9 * values.length,
      writeTo: (_: Uint8Array, view: DataView, start: number) => {
        for (const [index, value] of values.entries()) {
          writeU64(view, start + 9 * index, value);
          view.setUint8(start + 9 * index + 8, value);
        }
      },
    };
    const made = values.map((value) => ({ a: value, b: value }));
    const once = encodedOnce([["a", "u64", ""], ["b", "u8", ""]], made);
    const [from, whole, again] = [written, made, once].map((list) => {
      return encodeBody(table, { name: "n", list, end: 1 }, 3);
    });
    assert.deepEqual(from, whole);
    assert.deepEqual(again, whole);
  }
});

test("a text with a byte order mark keeps it", () => {
  const text = [["name", "string", ""]] as const;
  const bytes = encodeBody(text, { name: "\ufeffa" });
  assert.equal(decodeBody(text, bytes, 0, bytes.length).name, "\ufeffa");
});

test("a string is the same bytes whatever letters it has", () => {
  const text = [["name", "string", ""]] as const;
  for (const name of ["", "orders", "\u007f", "\u0080", "größe", "𝄞", "x".repeat(300), "ä\ud800"]) {
    const utf8 = new TextEncoder().encode(name);
    const bytes = encodeBody(text, { name });
    assert.deepEqual([...bytes], [utf8.length >> 8, utf8.length & 255, ...utf8], name);
  }
});

test("values that do not fit their type are refused when they are encoded", () => {
  const text = [["name", "string", ""]] as const;
  assert.equal(encodeBody(text, { name: "x".repeat(65535) }).length, 65537);
  assert.throws(() => encodeBody(text, { name: "x".repeat(65536) }), BodyError);
  const id = [["id", "uuid", ""]] as const;
  for (
    const wrong of [
      "",
      "01234567-89ab-4cde-8f01-23456789abc",
      "G".repeat(32),
      ":".repeat(32),
      "a".repeat(33),
      "g".repeat(32),
    ]
  ) {
    assert.throws(() => encodeBody(id, { id: wrong }), BodyError);
  }
});
