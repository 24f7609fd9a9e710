/**
 * A view as lines of text, for a terminal of any size: what is most important stands left and on
 * top, and the rest is cut off.
 *
 *     12 clients   3 partitions   disk ok, 74.2 GB free   memory 83 MB   cpu 12 %
 *     in 12.3 k records/s, 4.5 MB/s   out 24 k records/s, 9 MB/s   1.2 k requests/s
 *     p99: produce 2.1 ms   sync 1.2 ms   turn 0.3 ms   page cache 99.8 %
 *
 *     TOPIC    IN/S  IN B/S  OUT/S  OUT B/S
 *
 * Invariant: no line is wider than the terminal, and there are no more than it has rows.
 */

import { type Column, table } from "../table.ts";
import type { GroupLag } from "./sample.ts";
import type { TopicRates, View } from "./view.ts";

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const GAP = "   ";

const TOPIC_COLUMNS: readonly Column<TopicRates>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "IN/S", text: (row) => amount(row.recordsInPerSecond), right: true },
  { title: "IN B/S", text: (row) => amount(row.bytesInPerSecond), right: true },
  { title: "OUT/S", text: (row) => amount(row.recordsOutPerSecond), right: true },
  { title: "OUT B/S", text: (row) => amount(row.bytesOutPerSecond), right: true },
];

const GROUP_COLUMNS: readonly Column<GroupLag>[] = [
  { title: "GROUP", text: ({ group }) => group },
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "LAG", text: ({ lagRecords }) => amount(lagRecords), right: true },
];

export function screenLines(
  view: View,
  title: string,
  { columns, rows }: ScreenSize,
  colors: boolean,
): string[] {
  const summed = [title, ...summary(view)].flatMap((line) => fitted(line, columns));
  const head = summed.slice(0, Math.max(1, Math.floor(rows / 2)));
  const lines = [...head, ""];
  const room = rows - lines.length;
  // Groups have a third at the most, and their title and the line before it.
  const groups = view.groups.slice(0, Math.max(0, Math.floor(room / 3) - 2));
  const groupLines = groups.length === 0 ? 0 : groups.length + 2;
  const topics = view.topics.slice(0, Math.max(0, room - groupLines - 1));
  if (topics.length > 0) lines.push(...tableLines(TOPIC_COLUMNS, topics, columns, colors));
  if (groups.length > 0) lines.push("", ...tableLines(GROUP_COLUMNS, groups, columns, colors));
  return lines.slice(0, rows);
}

function summary(view: View): string[] {
  const { all, disk, partitionsUnwell } = view;
  const unwell = partitionsUnwell === 0 ? "" : `, ${partitionsUnwell} unwell`;
  return [
    [
      `${view.connections} client${view.connections === 1 ? "" : "s"}`,
      `${view.partitions} partitions${unwell}`,
      `disk ${disk}, ${bytesText(view.diskFreeBytes)} free`,
      `memory ${bytesText(view.residentBytes)}`,
      `cpu ${view.cpuPercent.toFixed(0)} %`,
    ].join(GAP),
    [
      `in ${amount(all.recordsInPerSecond)} records/s, ${bytesText(all.bytesInPerSecond)}/s`,
      `out ${amount(all.recordsOutPerSecond)} records/s, ${bytesText(all.bytesOutPerSecond)}/s`,
      `${amount(view.requestsPerSecond)} requests/s`,
    ].join(GAP),
    [
      `p99: produce ${timeText(view.produceP99Ms)}`,
      `sync ${timeText(view.syncP99Ms)}`,
      `turn ${timeText(view.turnP99Ms)}`,
      `page cache ${view.cacheHitPercent === null ? "-" : `${view.cacheHitPercent.toFixed(1)} %`}`,
    ].join(GAP),
  ];
}

/** Parts that have no room in a line go into the next; one that has none by itself is cut. */
function fitted(line: string, columns: number): string[] {
  const lines: string[] = [];
  for (const part of line.split(GAP)) {
    const last = lines.at(-1);
    const longer = last === undefined ? part : `${last}${GAP}${part}`;
    if (last !== undefined && longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(part.slice(0, columns));
  }
  return lines;
}

function tableLines<Row>(
  wanted: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  colors: boolean,
): string[] {
  return table(wanted, rows, colors, width).trimEnd().split("\n");
}

/** Three digits and a letter for thousands: 999, 1.23 k, 45.6 M. */
export function amount(value: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  const text = unit === 0 && Number.isInteger(scaled) ? String(scaled) : scaled.toFixed(digits);
  return unit === 0 ? text : `${text} ${units[unit]}`;
}

function bytesText(value: number): string {
  const text = amount(value);
  return text.includes(" ") ? `${text}B` : `${text} B`;
}

function timeText(ms: number | null): string {
  if (ms === null) return "-";
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}
