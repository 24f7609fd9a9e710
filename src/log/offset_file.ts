/**
 * One of the two checkpoint files of the data directory: an offset per partition, as Kafka writes
 * them. Owned by the keeper.
 *
 *     recovery-point-offset-checkpoint   0\n3\norders 0 1042\norders 1 998\n#crc32c 0 …\n
 *
 * Invariant: what `get` says is on disk. A file that is missing or cannot be believed says
 * nothing (-1) of any partition, and is told.
 */

import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import { formatSealedOffsets, type OffsetEntry, parseOffsets } from "../format/checkpoint.ts";
import { partitionDirectory } from "../format/file_names.ts";
import { readSmallFile, replaceFile, type Room } from "./files.ts";

export class OffsetFile {
  readonly #libc: Libc;
  readonly #dataFd: number;
  readonly #name: string;
  readonly #room: Room | null;
  /** By the name of the partition's directory. */
  #entries: Map<string, OffsetEntry> = new Map();
  /** The file holds lines that must not be there at the next start. */
  #isStale = false;

  /** Reads the file; lines of partitions that are not `wanted` are dropped. Throws StorageError. */
  constructor(
    libc: Libc,
    dataFd: number,
    name: string,
    wanted: (entry: OffsetEntry) => boolean,
    room: Room | null = null,
  ) {
    this.#libc = libc;
    this.#dataFd = dataFd;
    this.#name = name;
    this.#room = room;
    const bytes = readSmallFile(libc, dataFd, name);
    if (bytes === null || bytes.length === 0) return;
    const entries = parseOffsets(new TextDecoder("latin1").decode(bytes));
    if (entries === null) {
      trace("warning", `${name} is damaged: it is made anew, and this start does without it`);
      return;
    }
    for (const entry of entries) {
      if (wanted(entry)) this.#entries.set(keyOf(entry), entry);
      else this.#isStale = true;
    }
  }

  /** -1: nothing is known. */
  get(topic: string, partition: number): number {
    return this.#entries.get(partitionDirectory(topic, partition))?.offset ?? -1;
  }

  /**
   * Puts entries in; durable when it returns. Nothing is written where nothing changes. Throws
   * StorageError: then nothing has changed here.
   */
  replace(entries: readonly OffsetEntry[]): void {
    const changed = entries.filter((entry) => {
      return this.get(entry.topic, entry.partition) !== entry.offset;
    });
    if (changed.length === 0 && !this.#isStale) return;
    const merged = new Map(this.#entries);
    for (const entry of changed) merged.set(keyOf(entry), entry);
    const lines = [...merged.keys()].sort().map((key) => merged.get(key)!);
    const content = new TextEncoder().encode(formatSealedOffsets(lines));
    replaceFile(this.#libc, this.#dataFd, this.#name, content, this.#room);
    this.#entries = merged;
    this.#isStale = false;
  }

  /** A topic is deleted: its lines say nothing any more. They are in the file until `replace`. */
  forget(topic: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.topic !== topic) continue;
      this.#entries.delete(key);
      this.#isStale = true;
    }
  }
}

function keyOf({ topic, partition }: OffsetEntry): string {
  return partitionDirectory(topic, partition);
}
