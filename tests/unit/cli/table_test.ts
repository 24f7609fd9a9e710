import assert from "node:assert/strict";
import { test } from "node:test";
import { type Column, paint, tabbed, table } from "../../../src/cli/table.ts";

interface Row {
  readonly name: string;
  readonly count: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAME", text: ({ name }) => name },
  {
    title: "COUNT",
    text: ({ count }) => String(count),
    right: true,
    color: ({ count }) => count > 9 ? "red" : "",
  },
  { title: "LAST", text: ({ name }) => name },
];
const ROWS = [{ name: "a", count: 5 }, { name: "longer", count: 12 }];

test("in a pipe values are separated by tabs, without titles", () => {
  assert.equal(tabbed(COLUMNS, ROWS), "a\t5\ta\nlonger\t12\tlonger\n");
  assert.equal(tabbed(COLUMNS, []), "");
});

test("on a terminal columns are as wide as their widest value, and no line ends in blanks", () => {
  assert.equal(
    table(COLUMNS, ROWS, false, Infinity),
    "NAME    COUNT  LAST\na           5  a\nlonger     12  longer\n",
  );
  assert.equal(table(COLUMNS, [], false, Infinity), "NAME  COUNT  LAST\n");
});

test("a line is cut at the width of the terminal", () => {
  for (const line of table(COLUMNS, ROWS, false, 9).split("\n")) assert.ok(line.length <= 9, line);
});

test("colors take no room and stand around single values", () => {
  const colored = table(COLUMNS, ROWS, true, Infinity);
  assert.ok(colored.includes(`   ${paint("12", "red")}`));
  assert.ok(!colored.includes(paint("5", "red")));
  const plain = table(COLUMNS, ROWS, false, Infinity);
  // deno-lint-ignore no-control-regex
  const withoutColors = (text: string) => text.replace(/\x1b\[\d+m/g, "");
  assert.equal(withoutColors(colored), plain);
  assert.equal(withoutColors(table(COLUMNS, ROWS, true, 9)), table(COLUMNS, ROWS, false, 9));
});

test("what strangers named breaks no line and no column, and tells a terminal nothing", () => {
  const rows = [{ name: "a\tb\nc\x1b[2J\u202e", count: 1 }];
  const shown = "a\\tb\\nc\\u{1b}[2J\\u{202e}";
  assert.equal(tabbed(COLUMNS, rows), `${shown}\t1\t${shown}\n`);
  assert.equal(table(COLUMNS, rows, false, Infinity).split("\n")[1], `${shown}      1  ${shown}`);
});

test("there may be very many rows", () => {
  const rows = Array.from({ length: 200_000 }, (_, count) => ({ name: "a", count }));
  assert.equal(table(COLUMNS, rows, false, Infinity).split("\n").length, rows.length + 2);
});
