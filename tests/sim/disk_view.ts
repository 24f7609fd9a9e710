/**
 * The simulated disk looked at from outside, past the broker and its port: what lies in the files,
 * what a crash has left at their ends, and harm that is done to files nobody may rely on.
 */
import type { Prng } from "../support/prng.ts";
import { At, crc32c, HEADER_SIZE } from "./attempt_bytes.ts";
import { SimDisk } from "./sim_disk.ts";
import { SimFile } from "./sim_file.ts";
import type { SimNode } from "./sim_node.ts";
import { SimDirectory } from "./sim_tree.ts";

const DATA_NAME = "data";

/** Directories of partitions, also of deleted topics, by name. */
export function partitionDirectories(disk: SimDisk): [string, SimDirectory][] {
  const data = disk.root.entries.get(DATA_NAME);
  if (!(data instanceof SimDirectory)) return [];
  const found: [string, SimDirectory][] = [];
  for (const [name, node] of data.entries) {
    if (node instanceof SimDirectory) found.push([name, node]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Files of a directory whose names end like this, by name. */
export function filesIn(directory: SimDirectory, suffix: string): [string, SimFile][] {
  const found: [string, SimFile][] = [];
  for (const [name, node] of directory.entries) {
    if (name.endsWith(suffix) && node instanceof SimFile) found.push([name, node]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What a read of the whole file would give. It leaves the cache as it is. */
export function bytesOf(file: SimFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  for (const { start, current } of file.chunks) {
    if (start < bytes.length) bytes.set(current.subarray(0, bytes.length - start), start);
  }
  return bytes;
}

/** Every log file, as text that can be compared. */
export function logFiles(disk: SimDisk): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [directory, node] of partitionDirectories(disk)) {
    for (const [name, file] of filesIn(node, ".log")) {
      files.set(`${directory}/${name}`, bytesOf(file));
    }
  }
  return files;
}

/** The first difference between two states of the log files, or "". */
export function differenceOf(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
): string {
  for (const [name, bytes] of before) {
    const other = after.get(name);
    if (other === undefined) return `${name} is gone`;
    if (other.length !== bytes.length) {
      return `${name} had ${bytes.length} bytes, ${other.length} now`;
    }
    let at = 0;
    while (at < bytes.length && bytes[at] === other[at]) at += 1;
    if (at < bytes.length) return `${name} differs at ${at}`;
  }
  for (const name of after.keys()) if (!before.has(name)) return `${name} is new`;
  return "";
}

/** What a crash has left at the ends of log files. */
export interface Tails {
  tornTails: number;
  zeroTails: number;
}

export function countTails(disk: SimDisk, into: Tails): void {
  for (const [, directory] of partitionDirectories(disk)) {
    for (const [, file] of filesIn(directory, ".log")) {
      const bytes = bytesOf(file);
      const end = endOfBatches(bytes);
      if (end === bytes.length) continue;
      if (bytes.subarray(end).every((byte) => byte === 0)) into.zeroTails += 1;
      else into.tornTails += 1;
    }
  }
}

/** Position after the last whole batch. */
export function endOfBatches(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  while (position + HEADER_SIZE <= bytes.length) {
    const size = view.getInt32(position + At.length) + At.epoch;
    if (size < HEADER_SIZE || position + size > bytes.length) break;
    const crc = crc32c(bytes, position + At.attributes, position + size);
    if (crc !== view.getUint32(position + At.crc)) break;
    position += size;
  }
  return position;
}

/** Index files and snapshots are no evidence about the log: one of them is changed, or goes. */
export function harmIndex(disk: SimDisk, prng: Prng): string {
  const directories = partitionDirectories(disk);
  if (directories.length === 0) return "";
  const [path, directory] = prng.pick(directories);
  const files = [...filesIn(directory, "index"), ...filesIn(directory, ".snapshot")];
  if (files.length === 0) return "";
  const [name, file] = prng.pick(files);
  const how = prng.below(3);
  if (how === 0 || file.size === 0) {
    directory.entries.delete(name);
    directory.durable.delete(name);
    file.linked = false;
    disk.release(file);
    return `${path}/${name} is gone`;
  }
  const at = prng.below(file.size);
  const bit = 1 << prng.below(8);
  for (const chunk of file.chunks) {
    if (at < chunk.start) continue;
    const here = at - chunk.start;
    if (here < chunk.current.length) chunk.current[here]! ^= bit;
    if (here < chunk.durable.length) chunk.durable[here]! ^= bit;
  }
  return `${path}/${name}: byte ${at} is wrong`;
}

/** A device that says it has synced a log file and has not. Every other file is safe with it. */
export class LyingDisk extends SimDisk {
  readonly #percent: number;
  readonly #lies: Prng;

  constructor(...[prng, options, percent]: [...ConstructorParameters<typeof SimDisk>, number]) {
    super(prng, options);
    this.#percent = percent;
    this.#lies = prng.fork("lies");
  }

  override sync(node: SimNode): number {
    if (node instanceof SimFile && this.#lies.chance(this.#percent) && this.#isLog(node)) return 0;
    return super.sync(node);
  }

  #isLog(file: SimFile): boolean {
    return partitionDirectories(this).some(([, directory]) => {
      return filesIn(directory, ".log").some(([, log]) => log === file);
    });
  }
}
