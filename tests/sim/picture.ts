/**
 * A picture of the data directory as a schedule has left it: what a process sees, and what of it is
 * only in the page cache.
 *
 *     orders-0
 *       00000000000000000000.log  [0..7 epoch 1 | 8..9 epoch 2 | torn at 1024]  (1536 bytes)
 *       00000000000000000008.snapshot  (470 bytes, 1 dirty pages, name not durable)
 *       leader-epoch-checkpoint  0 2 | 1 0 | 2 8
 */
import { At, HEADER_SIZE } from "./attempt_bytes.ts";
import { bytesOf, endOfBatches, partitionDirectories } from "./disk_view.ts";
import type { SimDisk } from "./sim_disk.ts";
import { SimFile } from "./sim_file.ts";
import { SimDirectory } from "./sim_tree.ts";

export function pictureOf(disk: SimDisk): string[] {
  const lines: string[] = [];
  const data = disk.root.entries.get("data");
  if (!(data instanceof SimDirectory)) return ["there is no data directory"];
  for (const [name, node] of sorted(data)) {
    if (node instanceof SimFile && node.size > 0) {
      lines.push(`${name}  ${textOf(name, node)}${state(data, name, node)}`);
    }
  }
  for (const [path, directory] of partitionDirectories(disk)) {
    lines.push(`${path}${data.durable.has(path) ? "" : "  (name not durable)"}`);
    for (const [name, node] of sorted(directory)) {
      if (!(node instanceof SimFile)) continue;
      lines.push(`  ${name}  ${textOf(name, node)}${state(directory, name, node)}`);
    }
  }
  return lines;
}

function sorted(directory: SimDirectory): [string, unknown][] {
  return [...directory.entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

function textOf(name: string, file: SimFile): string {
  const bytes = bytesOf(file);
  if (name.endsWith(".log")) return logText(bytes);
  if (/index$|\.snapshot$|catalogue/.test(name)) return "";
  return new TextDecoder().decode(bytes).trim().replaceAll("\n", " | ");
}

/** Runs of one epoch, and what follows the last whole batch. */
function logText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer);
  const end = endOfBatches(bytes);
  const parts: string[] = [];
  let first = -1;
  let last = -1;
  let epoch = -1;
  for (let at = 0; at < end; at += view.getInt32(at + At.length) + At.epoch) {
    const own = view.getInt32(at + At.epoch);
    if (own !== epoch && epoch >= 0) {
      parts.push(`${first}..${last} epoch ${epoch}`);
      first = -1;
    }
    if (first < 0) first = view.getUint32(at + 4);
    last = view.getUint32(at + 4) + view.getInt32(at + At.lastOffsetDelta);
    epoch = own;
  }
  if (epoch >= 0) parts.push(`${first}..${last} epoch ${epoch}`);
  if (end < bytes.length) {
    const isZero = bytes.subarray(end, end + HEADER_SIZE).every((byte) => byte === 0);
    parts.push(`${isZero ? "zeros" : "torn"} at ${end}`);
  }
  return `[${parts.join(" | ")}]`;
}

function state(directory: SimDirectory, name: string, file: SimFile): string {
  const words = [`${file.size} bytes`];
  if (file.size !== file.durableSize) words.push(`durable size ${file.durableSize}`);
  if (file.cut !== Infinity) words.push(`a cut at ${file.cut} is pending`);
  let dirty = 0;
  for (const chunk of file.chunks) {
    for (let page = 0; page < chunk.state.length; page += 1) {
      if ((chunk.state[page]! & 1) !== 0) dirty += 1;
    }
  }
  if (dirty > 0) words.push(`${dirty} dirty pages`);
  if (directory.durable.get(name) !== file) words.push("name not durable");
  return `  (${words.join(", ")})`;
}
