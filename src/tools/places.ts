/**
 * A data directory as the tools see it: opened for reading, nothing in it changed, nothing
 * created.
 *
 *     <root>/catalogue            there: Sluice's; without it: Kafka's, or none
 *     <root>/orders-0/00000000000000000000.log .index .timeindex .snapshot
 *
 * Invariant: paths are relative to the open root and no symbolic link in it is followed.
 */

import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EAGAIN,
  ENOENT,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc } from "../../ffi/libc.ts";
import {
  CATALOGUE_FILE,
  INDEX_SUFFIX,
  LOCK_FILE,
  LOG_SUFFIX,
  META_FILE,
  parsePartitionDirectory,
  PARTITION_METADATA_FILE,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
} from "../format/file_names.ts";
import { must, openDirectory, readSmallFile } from "../log/files.ts";
import { newerFile, PartitionFormats } from "../log/format_versions.ts";
import { listedHolder, type LockHolder } from "../log/lock_holder.ts";

/** What a tool cannot do; the message says why, the hint what to do instead. */
export class ToolError extends Error {
  override name = "ToolError";
  readonly hint: string;

  constructor(message: string, hint = "") {
    super(message);
    this.hint = hint;
  }
}

export interface Root {
  readonly libc: Libc;
  readonly fd: number;
  readonly path: string;
  readonly names: readonly string[];
}

export interface SegmentPlace {
  readonly baseOffset: number;
  /** Relative to the root. */
  readonly path: string;
  readonly size: number;
}

export interface PartitionPlace {
  /** Name of its directory: topic and number. */
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  /** By base offset. */
  readonly segments: readonly SegmentPlace[];
  /** Every name in the directory, sorted. */
  readonly names: readonly string[];
}

/** What to do where there is none. */
export const NAME_IT = "Name a data directory: what serve has as --data, or Kafka as log.dirs.";

/** Opens a data directory. Throws ToolError or StorageError. */
export function openRoot(libc: Libc, path: string): Root {
  const fd = openDirectory(libc, AT_FDCWD, path);
  if (fd === -ENOENT) throw new ToolError(`${path} does not exist`, NAME_IT);
  must(fd, `open directory ${path}`);
  try {
    return { libc, fd, path, names: namesIn(libc, fd, path) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

export function closeRoot(root: Root): void {
  root.libc.close(root.fd);
}

/** What a newer program wrote is not judged, and above all not changed. `only`: one partition. */
export function refuseNewer(root: Root, only: string | null = null): void {
  const { libc, fd, path } = root;
  const names = only === null ? partitionNames(root) : root.names.filter((name) => name === only);
  const newer = newerFile(libc, fd) ?? newerInPartitions(root, names);
  if (newer !== null) throw new ToolError(`${path}: ${newer}`);
}

function newerInPartitions(root: Root, names: readonly string[]): string | null {
  const formats = new PartitionFormats(root.libc);
  for (const name of names) {
    const fd = openDirectory(root.libc, root.fd, name);
    if (fd < 0) continue; // for others to say
    try {
      const newer = formats.newerFile(fd, name);
      if (newer !== null) return newer;
    } finally {
      root.libc.close(fd);
    }
  }
  return null;
}

export type RootKind = "sluice" | "kafka" | "none";

/** Whose directory it is, by what lies in it. */
export function rootKind(root: Root): RootKind {
  if (root.names.includes(CATALOGUE_FILE)) return "sluice";
  if (root.names.includes(META_FILE)) return "kafka";
  return partitionNames(root).some((name) => holdsPartition(root, name)) ? "kafka" : "none";
}

/** Many a directory is called like a partition. */
function holdsPartition(root: Root, name: string): boolean {
  const fd = openDirectory(root.libc, root.fd, name);
  if (fd < 0) return false;
  const entries: DirectoryEntry[] = [];
  root.libc.readDirectory(fd, entries);
  root.libc.close(fd);
  return entries.some(({ name }) => {
    return name === PARTITION_METADATA_FILE || parseSegmentName(name) !== null;
  });
}

/** Names of the directories in the root that can be partitions, by topic and number. */
export function partitionNames(root: Root): string[] {
  const found: { name: string; topic: string; partition: number }[] = [];
  for (const name of root.names) {
    const parsed = parsePartitionDirectory(name);
    if (parsed !== null && isDirectory(root, name)) found.push({ name, ...parsed });
  }
  found.sort((a, b) => a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition);
  return found.map(({ name }) => name);
}

export const FileKind: {
  readonly log: typeof LOG_SUFFIX;
  readonly index: typeof INDEX_SUFFIX;
  readonly timeIndex: typeof TIME_INDEX_SUFFIX;
  readonly snapshot: typeof SNAPSHOT_SUFFIX;
} = {
  log: LOG_SUFFIX,
  index: INDEX_SUFFIX,
  timeIndex: TIME_INDEX_SUFFIX,
  snapshot: SNAPSHOT_SUFFIX,
};
export type FileKind = typeof FileKind[keyof typeof FileKind];

/** The number and the kind in the name of a segment's file, or null. */
export function parseSegmentName(name: string): { offset: number; kind: FileKind } | null {
  const found = /^(\d{20})(\.log|\.index|\.timeindex|\.snapshot)$/.exec(name);
  const offset = Number(found?.[1]);
  return Number.isSafeInteger(offset) ? { offset, kind: found![2] as FileKind } : null;
}

export function segmentName(offset: number, kind: FileKind): string {
  return String(offset).padStart(20, "0") + kind;
}

/** What lies in a partition's directory. Throws ToolError or StorageError. */
export function openPartitionPlace(root: Root, directory: string): PartitionPlace {
  const parsed = parsePartitionDirectory(directory);
  if (parsed === null) throw new ToolError(`${directory} is not a partition, such as orders-0`);
  const fd = openDirectory(root.libc, root.fd, directory);
  if (fd === -ENOENT) throw new ToolError(`${root.path} has no partition ${directory}`);
  must(fd, `open directory ${directory}`);
  try {
    const names = namesIn(root.libc, fd, directory);
    return { directory, ...parsed, segments: segmentsIn(root, directory, names), names };
  } finally {
    root.libc.close(fd);
  }
}

/** The segment at `path`, whatever it is called. Throws StorageError. */
export function segmentPlace(root: Root, path: string): SegmentPlace {
  const status = root.libc.fileStatus();
  const result = root.libc.statx(root.fd, path, AT_SYMLINK_NOFOLLOW, status);
  must(result, `status of ${path}`);
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { baseOffset: Number.parseInt(name, 10), path, size: status.size };
}

function segmentsIn(root: Root, directory: string, names: readonly string[]): SegmentPlace[] {
  const status = root.libc.fileStatus();
  const segments: SegmentPlace[] = [];
  for (const name of names) {
    const parsed = parseSegmentName(name);
    if (parsed === null || parsed.kind !== FileKind.log) continue;
    const path = `${directory}/${name}`;
    const result = root.libc.statx(root.fd, path, AT_SYMLINK_NOFOLLOW, status);
    if (result === -ENOENT) continue; // a running broker removed it
    must(result, `status of ${path}`);
    segments.push({ baseOffset: parsed.offset, path, size: status.size });
  }
  return segments.sort((a, b) => a.baseOffset - b.baseOffset);
}

/** Opens a file of the root for reading. Throws StorageError. */
export function openFile(root: Root, path: string): number {
  return must(root.libc.openat(root.fd, path, O_RDONLY | O_NOFOLLOW, 0), `open ${path}`);
}

/** The text of a small file, or null when there is none. Throws StorageError. */
export function readText(root: Root, path: string): string | null {
  const bytes = readSmallFile(root.libc, root.fd, path);
  return bytes === null ? null : new TextDecoder("latin1").decode(bytes);
}

/** Sorted. */
export function namesIn(libc: Libc, fd: number, path: string): string[] {
  const entries: DirectoryEntry[] = [];
  must(libc.readDirectory(fd, entries), `read directory ${path}`);
  return entries.map((entry) => entry.name).sort();
}

export function isDirectory(root: Root, path: string): boolean {
  const status = root.libc.fileStatus();
  const result = root.libc.statx(root.fd, path, AT_SYMLINK_NOFOLLOW, status);
  return result === 0 && (status.mode & S_IFMT) === S_IFDIR;
}

/**
 * Looks at the lock and leaves no trace; null where nobody holds it. The kernel's list is read
 * first, because asking by trying would take the lock for a moment, in which a broker that starts
 * is refused. The list does not show what runs in another container, so then it is tried after all,
 * shared and for an instant.
 */
export function lockHolder(root: Root): LockHolder | null {
  const status = root.libc.fileStatus();
  const result = root.libc.statx(root.fd, LOCK_FILE, AT_SYMLINK_NOFOLLOW, status);
  if (result < 0) return null;
  const listed = listedHolder(root.libc, status);
  if (listed !== null) return listed;
  const fd = root.libc.openat(root.fd, LOCK_FILE, O_RDONLY | O_NOFOLLOW, 0);
  if (fd < 0) return null;
  const locked = root.libc.flock(fd, LOCK_SH | LOCK_NB);
  if (locked === 0) root.libc.flock(fd, LOCK_UN);
  root.libc.close(fd);
  return locked === -EAGAIN ? { kind: "sluice", pid: 0 } : null;
}
