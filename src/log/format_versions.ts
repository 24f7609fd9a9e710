/**
 * Which files of a data directory say of which format they are, and the newest that this program
 * reads. What a newer program wrote is refused before anything is touched (ADR 25).
 *
 *     catalogue                       sluice-catalogue 1 crc32c=…
 *     meta.properties                 version=1
 *     .kafka_cleanshutdown            {"version":0,…
 *     *-offset-checkpoint             0\n
 *     orders-0/partition.metadata     version: 0\n
 *     orders-0/leader-epoch-checkpoint   0\n
 *     orders-0/*.snapshot             00 01, crc32c of what follows
 *
 * The others (logs, indexes, tokens) say of no format: a program that writes them otherwise raises
 * the catalogue's.
 *
 * A checkpoint or a snapshot that is right but for its version is damaged, not newer: another
 * format looks otherwise. Nor is a snapshot whose checksum is wrong: a power cut may leave any
 * bytes in one, and a start must not stop at a file that it can make anew.
 *
 * Invariant: reads only, and little: the first bytes of each file. Damage, and what cannot be read,
 * is for others to say: a start does without some of these files.
 */

import { O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc, Memory } from "../../ffi/libc.ts";
import { heapBlock } from "../base/bytes.ts";
import { parseEpochs, parseOffsets } from "../format/checkpoint.ts";
import {
  CATALOGUE_FILE,
  CLEAN_STOP_FILE,
  LEADER_EPOCH_FILE,
  LOG_START_FILE,
  META_FILE,
  parseSnapshotFile,
  PARTITION_METADATA_FILE,
  RECOVERY_POINT_FILE,
} from "../format/file_names.ts";
import { CATALOGUE_FORMAT } from "./catalogue.ts";
import { must, readSmallFile, readWhole } from "./files.ts";
import { decodeSnapshot, isSnapshotWhole, SNAPSHOT_VERSION } from "./producer_snapshot.ts";

/** A file that says its format in text, in its first bytes. */
interface TextFile {
  readonly name: string;
  readonly format: RegExp;
  readonly newest: number;
  /** Whether the text of a whole file is right, but for the format that it says. */
  readonly isOurs?: (text: string) => boolean;
}

const CHECKPOINT = { format: /^(\d{1,9})\n/, newest: 0 };

const FILES: readonly TextFile[] = [
  { name: CATALOGUE_FILE, format: /^sluice-catalogue (\d{1,9}) /, newest: CATALOGUE_FORMAT },
  { name: META_FILE, format: /^version=(\d{1,9})$/m, newest: 1 },
  { name: CLEAN_STOP_FILE, format: /^\{"version":(\d{1,9})[,}]/, newest: 0 },
  { name: RECOVERY_POINT_FILE, ...CHECKPOINT, isOurs: (text) => parseOffsets(text) !== null },
  { name: LOG_START_FILE, ...CHECKPOINT, isOurs: (text) => parseOffsets(text) !== null },
];

const METADATA: TextFile = {
  name: PARTITION_METADATA_FILE,
  format: /^version: (\d{1,9})\n/,
  newest: 0,
};
const EPOCHS: TextFile = {
  name: LEADER_EPOCH_FILE,
  ...CHECKPOINT,
  isOurs: (text) => parseEpochs(text) !== null,
};

/** Kafka writes comments before the version in meta.properties. */
const LOOKED_AT_BYTES = 512;

/**
 * The first file of the data directory itself that a newer program wrote, for people; null where
 * there is none. Throws StorageError.
 */
export function newerFile(libc: Libc, dataFd: number): string | null {
  const memory = libc.allocate(LOOKED_AT_BYTES);
  for (const file of FILES) {
    const newer = newerText(libc, dataFd, "", file, memory);
    if (newer !== null) return newer;
  }
  return null;
}

/** The same of a partition's open directory. Each start asks it of every partition. */
export class PartitionFormats {
  readonly #libc: Libc;
  readonly #memory: Memory;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = libc.allocate(LOOKED_AT_BYTES);
  }

  /** `known` is the name of a file that need not be looked at. Throws StorageError. */
  newerFile(fd: number, directory: string, known: string = ""): string | null {
    const entries: DirectoryEntry[] = [];
    must(this.#libc.readDirectory(fd, entries), `read directory ${directory}`);
    for (const { name } of entries) {
      const newer = name === known ? null : this.#newer(fd, directory, name);
      if (newer !== null) return newer;
    }
    return null;
  }

  #newer(fd: number, directory: string, name: string): string | null {
    const libc = this.#libc;
    if (name === LEADER_EPOCH_FILE) {
      return newerText(libc, fd, `${directory}/`, EPOCHS, this.#memory);
    }
    if (name === PARTITION_METADATA_FILE) {
      return newerText(libc, fd, `${directory}/`, METADATA, this.#memory);
    }
    if (parseSnapshotFile(name) === null || begin(libc, fd, name, this.#memory) < 2) return null;
    const version = this.#memory.view.getInt16(0);
    if (version <= SNAPSHOT_VERSION || !isNewerSnapshot(libc, fd, name)) return null;
    return told(`${directory}/${name}`, version, SNAPSHOT_VERSION);
  }
}

/** Whether it is whole, and no snapshot of ours but for its version. */
function isNewerSnapshot(libc: Libc, fd: number, name: string): boolean {
  const bytes = readSmallFile(libc, fd, name) ?? new Uint8Array(0);
  const block = heapBlock(bytes.length);
  block.bytes.set(bytes);
  if (!isSnapshotWhole(block, bytes.length)) return false;
  block.view.setInt16(0, SNAPSHOT_VERSION);
  return decodeSnapshot(block, bytes.length) === null;
}

function newerText(
  libc: Libc,
  fd: number,
  prefix: string,
  { name, format, newest, isOurs }: TextFile,
  memory: Memory,
): string | null {
  const size = begin(libc, fd, name, memory);
  const text = String.fromCharCode(...memory.bytes.subarray(0, size));
  const found = Number(format.exec(text)?.[1] ?? -1);
  if (found <= newest) return null;
  if (isOurs !== undefined) {
    const whole = new TextDecoder("latin1").decode(readSmallFile(libc, fd, name) ?? undefined);
    if (isOurs(whole.replace(/^\d+/, String(newest)))) return null;
  }
  return told(prefix + name, found, newest);
}

/** Reads the first bytes of a file; returns how many, 0 where there are none to be read. */
function begin(libc: Libc, fd: number, name: string, memory: Memory): number {
  const file = libc.openat(fd, name, O_RDONLY | O_NOFOLLOW, 0);
  if (file < 0) return 0;
  const size = readWhole(libc, file, memory, 0, LOOKED_AT_BYTES, 0);
  libc.close(file);
  return Math.max(size, 0);
}

function told(path: string, format: number, newest: number): string {
  return `${path} is of format ${format}, this version knows ${newest}: use a newer version`;
}
