/**
 * Rows, as their reader wants them: columns with titles on a terminal, values separated by tabs in
 * a pipe (for `cut` and `awk`), one JSON object a line with `--json`.
 *
 *     TOPIC    PARTITIONS  SETTINGS         orders<TAB>1<TAB>durability=fsync
 *     orders            1  durability=fsync
 *
 * Names of strangers stand in some of them (clients, groups): no value breaks its line or its
 * column, or tells a terminal anything.
 *
 * Invariant: what is printed in a pipe does not depend on the width of anything.
 */

import { safe, safeJson } from "../tools/text.ts";
import { isTerminal, mayColor, terminalColumns } from "./environment.ts";
import { printError, printText } from "./output.ts";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Numbers stand right. */
  readonly right?: boolean;
  /** The color of a value on a terminal, or "". */
  readonly color?: (row: Row) => Color | "";
}

const COLORS = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;
export type Color = keyof typeof COLORS;

const GAP = "  ";

/** Text in a color. */
export function paint(text: string, color: Color): string {
  return `\x1b[${COLORS[color]}m${text}\x1b[0m`;
}

/** Prints rows on standard output. Objects of `--json` are the rows themselves. */
export async function printRows<Row extends object>(
  { json }: { readonly json: boolean },
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Promise<void> {
  if (json) return await printText(rows.map((row) => `${safeJson(row)}\n`).join(""));
  if (!isTerminal("stdout")) return await printText(tabbed(columns, rows));
  await printText(table(columns, rows, mayColor("stdout"), terminalColumns("stdout") ?? Infinity));
}

/** One object, as JSON with `--json` and as text otherwise. */
export async function printOne(
  { json }: { readonly json: boolean },
  object: object,
  text: string,
): Promise<void> {
  await printText(json ? `${safeJson(object)}\n` : `${text}\n`);
}

/** What was done: a sentence on standard error, and the object on standard output with `--json`. */
export async function sayDone(
  { json }: { readonly json: boolean },
  object: object,
  text: string,
): Promise<void> {
  printError(`${text}\n`);
  if (json) await printText(`${safeJson(object)}\n`);
}

export function tabbed<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const line = (row: Row): string => columns.map(({ text }) => safe(text(row))).join("\t");
  return rows.map((row) => `${line(row)}\n`).join("");
}

export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  colors: boolean,
  width: number,
): string {
  const cells = rows.map((row) => columns.map(({ text }) => safe(text(row))));
  const widths = columns.map(({ title }, at) => {
    return cells.reduce((width, line) => Math.max(width, line[at]!.length), title.length);
  });
  const head = columns.map(({ title, right }, at) => pad(title, widths[at]!, right === true));
  const lines = cells.map((line, index) =>
    line.map((cell, at) => {
      const { right, color } = columns[at]!;
      const padded = pad(cell, widths[at]!, right === true);
      const wanted = colors ? color?.(rows[index]!) ?? "" : "";
      return { padded, color: wanted };
    })
  );
  const title = cut(head.join(GAP), width);
  const body = lines.map((line) => `${cutLine(line, width)}\n`).join("");
  return `${colors ? paint(title, "bold") : title}\n${body}`;
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

function cut(text: string, width: number): string {
  return text.trimEnd().slice(0, width);
}

/** Cuts by what is seen: colors take no room. */
function cutLine(cells: readonly { padded: string; color: Color | "" }[], width: number): string {
  let left = width;
  let line = "";
  for (const [at, { padded, color }] of cells.entries()) {
    const gap = at === 0 ? "" : GAP.slice(0, left);
    left -= gap.length;
    const isLast = at === cells.length - 1;
    const shown = (isLast ? padded.trimEnd() : padded).slice(0, left);
    left -= shown.length;
    const value = shown.trim();
    line += gap +
      (color === "" || value === "" ? shown : shown.replace(value, () => paint(value, color)));
  }
  return line.trimEnd();
}
