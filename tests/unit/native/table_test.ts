/** Sizes of fields, and what every table must keep to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROL_OPERATIONS } from "../../../src/native/control_operations.ts";
import { OPERATIONS } from "../../../src/native/operations.ts";
import { fixedSize, type Operation, sizeMin, type Table } from "../../../src/native/table.ts";

const ALL: readonly Operation[] = [...OPERATIONS, ...CONTROL_OPERATIONS];

test("the least size of a field", () => {
  const sizes = { u8: 1, u16: 2, u32: 4, u64: 8, i64: 8, uuid: 16, string: 2, rest: 0 } as const;
  for (const [type, size] of Object.entries(sizes)) {
    assert.equal(sizeMin(type as keyof typeof sizes), size, type);
  }
  assert.equal(sizeMin([["a", "u64", ""]]), 4, "a list has its count");
  assert.equal(fixedSize([["a", "u64", ""], ["b", "u8", ""], ["c", "rest", ""]]), 9);
});

test("codes and names are distinct, every field says what it means, rest comes last", () => {
  assert.equal(new Set(ALL.map(({ code }) => code)).size, ALL.length);
  assert.equal(new Set(ALL.map(({ name }) => name)).size, ALL.length);
  for (const { code, name, text, request, reply } of ALL) {
    assert.ok(Number.isInteger(code) && code > 0 && code < 65536, name);
    assert.match(text, /\.$/, `${name} has a sentence`);
    for (const table of [request, reply]) checkTable(table, name);
  }
});

function checkTable(table: Table, where: string): void {
  assert.equal(new Set(table.map(([field]) => field)).size, table.length, where);
  table.forEach(([field, type, text], i) => {
    assert.match(text, /[.…]$/, `${where}.${field}`);
    if (type === "rest") assert.equal(i, table.length - 1, `${where}.${field}`);
    if (typeof type === "string") return;
    assert.ok(type.every(([, inner]) => inner !== "rest"), "a list has no rest");
    assert.ok(fixedSize(type) > 0, "an element takes a byte at least: a count is bounded by bytes");
    checkTable(type, `${where}.${field}`);
  });
}
