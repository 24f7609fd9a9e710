/** Bodies of every operation, both directions, through the codec of the tables. */
import { BodyError, decodeBody, encodeBody } from "../../../src/native/codec.ts";
import { ERROR_REPLY } from "../../../src/native/operations.ts";
import type { Scalar, Table, ValueOf } from "../../../src/native/table.ts";
import { SAMPLES } from "../../golden/samples.ts";
import type { Prng } from "../../support/prng.ts";
import { type Decoder, Digest, must, mustEqual, REJECTED } from "../decoder.ts";

type Value = Record<string, unknown>;

const KiB = 1024;
const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8, i64: 8 };

const TABLES: readonly Table[] = [
  ...SAMPLES.flatMap(({ row }) => [row.request, row.reply, row.push ?? []])
    .filter((table) => table.length > 0),
  ERROR_REPLY,
];

/** The first byte of an input names the table, so that samples of one are bent into another's. */
const operations: Decoder = {
  name: "operation-bodies",
  family: "operations",
  weight: 16,
  sample(prng) {
    const index = prng.below(TABLES.length);
    return encode(index, drawTable(TABLES[index]!, prng));
  },
  fields: (input, size) => {
    const found: [number, number][] = [];
    collect(TABLES[input.bytes[0]! % TABLES.length]!, input.view, { at: 1, size }, found);
    return found;
  },
  // Texts are made by the runtime, and the frame is encoded again.
  allocationMax: (size) => 4 * size + 4 * KiB,
  decode(block, at, size) {
    if (size === 0) return REJECTED;
    const index = block.bytes[at]! % TABLES.length;
    const table = TABLES[index]!;
    try {
      const value = decodeBody(table, block.bytes, at + 1, at + size);
      const digest = digestOf(table, value as Value, new Digest());
      const again = encodeBody(table, value);
      mustEqual(again, block.bytes.subarray(at + 1, at + size), "encoding gives other bytes");
      const twice = decodeBody(table, again, 0, again.length);
      const same = digestOf(table, twice as Value, new Digest());
      must(same.result === digest.result, "decoding what was encoded gives other values");
      return digest.result;
    } catch (error) {
      if (error instanceof BodyError) return REJECTED;
      throw error;
    }
  },
};

export const OPERATION_DECODERS: readonly Decoder[] = [operations];

function encode(index: number, value: Value): Uint8Array {
  const bytes = encodeBody(TABLES[index]!, value as ValueOf<Table>, 1);
  bytes[0] = index;
  return bytes;
}

function drawTable(table: Table, prng: Prng): Value {
  return Object.fromEntries(table.map(([name, type]) => {
    if (typeof type === "string") return [name, drawScalar(type, prng)];
    const count = prng.below(prng.chance(90) ? 4 : 40);
    return [name, Array.from({ length: count }, () => drawTable(type, prng))];
  }));
}

function drawScalar(type: Scalar, prng: Prng): unknown {
  switch (type) {
    case "u8":
      return prng.next() & 255;
    case "u16":
      return prng.next() & 65535;
    case "u32":
      return prng.next();
    case "u64":
      return prng.chance(50) ? prng.next() : prng.below(0x200000) * 2 ** 32 + prng.next();
    case "i64":
      return (prng.below(0x400000) - 0x200000) * 2 ** 32 + prng.next();
    case "uuid":
      return "01234567-89ab-4cde-8f01-" + prng.next().toString(16).padStart(12, "0");
    case "string":
      return prng.pick(["", "orders", "grün", "日本", "a".repeat(prng.below(40)), "\u{1f980}"]);
    case "rest":
      return prng.bytes(prng.below(40));
  }
}

/** Where the numbers of a body are, as far as it can be followed. */
function collect(
  table: Table,
  view: DataView,
  cursor: { at: number; readonly size: number },
  found: [number, number][],
): void {
  for (const [, type] of table) {
    if (cursor.at + 4 > cursor.size || found.length > 64) return;
    if (typeof type !== "string") {
      found.push([cursor.at, 4]);
      const count = Math.min(view.getUint32(cursor.at), 8);
      cursor.at += 4;
      for (let i = 0; i < count; i += 1) collect(type, view, cursor, found);
    } else if (type === "string") {
      found.push([cursor.at, 2]);
      cursor.at += 2 + view.getUint16(cursor.at);
    } else {
      const size = SIZES[type] ?? 0;
      if (size > 0) found.push([cursor.at, size]);
      cursor.at += type === "uuid" ? 16 : size;
    }
  }
}

function digestOf(table: Table, value: Value, digest: Digest): Digest {
  for (const [name, type] of table) {
    const field = value[name];
    if (typeof type !== "string") {
      const list = field as Value[];
      digest.number(list.length);
      for (const element of list) digestOf(type, element, digest);
    } else if (typeof field === "number") {
      must(Number.isSafeInteger(field) || type === "i64", `${type} is not exact`);
      digest.number(field);
    } else if (typeof field === "string") digest.text(field);
    else digest.bytes(field as Uint8Array);
  }
  return digest;
}
