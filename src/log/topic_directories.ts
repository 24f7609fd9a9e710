/**
 * The directories of a topic's partitions, from making them to removing them. The keeper decides
 * when; here is how, and what is left alone.
 *
 *     make     orders-0/ with an empty segment, the node's epoch and partition.metadata (the
 *              topic's id), synced, then the data directory
 *     rename   orders-0 -> orders-0.<id>-delete, one name that no partition has
 *     remove   its files, then itself
 *
 * Invariant: a directory that says it is of another topic is not touched, and every step may be
 * repeated: a crash anywhere in between is finished by doing all of it again.
 */

import {
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  DT_DIR,
  DT_UNKNOWN,
  EEXIST,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  O_CREAT,
  O_NOFOLLOW,
  O_WRONLY,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc } from "../../ffi/libc.ts";
import {
  formatEpochs,
  formatPartitionMetadata,
  parsePartitionMetadata,
} from "../format/checkpoint.ts";
import {
  deletedDirectory,
  LEADER_EPOCH_FILE,
  PARTITION_METADATA_FILE,
  partitionDirectory,
  segmentFile,
  TEMPORARY_SUFFIX,
} from "../format/file_names.ts";
import { DIRECTORIES_MADE_AT_ONCE } from "../limits.ts";
import type { TopicDefinition } from "./catalogue.ts";
import {
  DIRECTORY_MODE,
  FILE_MODE,
  must,
  openDirectory,
  readSmallFile,
  replaceFile,
  writeUnsynced,
} from "./files.ts";
import { PartitionFormats } from "./format_versions.ts";
import { type ManySyncs, SyncGroup } from "./sync_group.ts";

/** What Kafka writes where a topic has no id. */
const NO_TOPIC_ID = "00000000-0000-0000-0000-000000000000";

const FIRST_SEGMENT: string = segmentFile(0);

/** Names of the topic's directories from partition `first` on, in the order of its partitions. */
export function directoriesOf({ name, partitions }: TopicDefinition, first: number = 0): string[] {
  const count = partitions - first;
  return Array.from({ length: count }, (_, index) => partitionDirectory(name, first + index));
}

/** How the directories of a topic that was served are found. */
export interface Inspection {
  /** Why they cannot be served now, for people; null when they can. */
  readonly problem: string | null;
  /** One of them says of no topic that it is its. */
  readonly lacksId: boolean;
}

/** Changes nothing. Throws StorageError. */
export function inspectDirectories(
  libc: Libc,
  dataFd: number,
  topic: TopicDefinition,
): Inspection {
  const formats = new PartitionFormats(libc);
  let lacksId = false;
  for (const directory of directoriesOf(topic)) {
    const { owner, newer } = inspectDirectory(libc, dataFd, directory, formats);
    if (owner === NOBODY) lacksId = true;
    const problem = newer ?? problemOf(directory, owner, topic);
    if (problem !== null) return { problem, lacksId };
  }
  return { problem: null, lacksId };
}

/** Whose it is (as `ownerOf` says), and what a newer program wrote in it. */
function inspectDirectory(
  libc: Libc,
  dataFd: number,
  directory: string,
  formats: PartitionFormats,
): { readonly owner: string | null; readonly newer: string | null } {
  const fd = openDirectory(libc, dataFd, directory);
  if (fd === -ENOENT || fd === -ENOTDIR) return { owner: null, newer: null };
  must(fd, `open ${directory}`);
  try {
    const owner = ownerIn(libc, fd);
    const known = owner === DAMAGED ? "" : PARTITION_METADATA_FILE;
    return { owner, newer: formats.newerFile(fd, directory, known) };
  } finally {
    libc.close(fd);
  }
}

function problemOf(directory: string, found: string | null, topic: TopicDefinition): string | null {
  if (found === NOBODY || found === topic.topicId) return null;
  if (found === null) {
    return `${directory} of topic ${topic.name} is missing: restore it from a copy ` +
      "(is its disk mounted?)";
  }
  if (found === DAMAGED) {
    return `${directory}/${PARTITION_METADATA_FILE} is damaged: when the directory is of topic ` +
      `${topic.name}, remove that file, and it is written again`;
  }
  return `${directory} is of another topic of this name, with id ${found}: the catalogue has ` +
    `${topic.topicId}; move it away and restore the right one from a copy`;
}

/**
 * Makes what is missing of the topic's directories from partition `first` on: they are durable,
 * with the topic's id and all that its logs begin with, so that a shard which opens them waits for
 * no disk. Records of `nodeEpoch` are the first.
 */
export function makeDirectories(
  libc: Libc,
  dataFd: number,
  topic: TopicDefinition,
  nodeEpoch: number,
  syncs: ManySyncs,
  first: number = 0,
): void {
  const encoder = new TextEncoder();
  const content = {
    epochs: encoder.encode(formatEpochs([{ epoch: nodeEpoch, startOffset: 0 }])),
    metadata: encoder.encode(formatPartitionMetadata(topic.topicId)),
  };
  const directories = directoriesOf(topic, first);
  // No more descriptors than the shard will need for their segments.
  const atOnce = Math.min(DIRECTORIES_MADE_AT_ONCE, Math.ceil(directories.length / 2));
  const group = new SyncGroup(libc, syncs);
  try {
    for (let from = 0; from < directories.length; from += atOnce) {
      const some = directories.slice(from, from + atOnce);
      for (const directory of some) fillDirectory(libc, dataFd, directory, content, group);
      group.run();
      for (const directory of some) nameMetadata(libc, dataFd, directory, group);
      group.run();
    }
  } catch (error) {
    group.drop();
    throw error;
  }
  must(libc.fsync(dataFd), "sync the data directory");
}

/** All but the name of the metadata. */
function fillDirectory(
  libc: Libc,
  dataFd: number,
  directory: string,
  content: { readonly epochs: Uint8Array; readonly metadata: Uint8Array },
  group: SyncGroup,
): void {
  const made = libc.mkdirat(dataFd, directory, DIRECTORY_MODE);
  if (made !== -EEXIST) must(made, `make directory ${directory}`);
  const segment = `${directory}/${FIRST_SEGMENT}`;
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW;
  libc.close(must(libc.openat(dataFd, segment, flags, FILE_MODE), `create ${segment}`));
  const write = (name: string, bytes: Uint8Array) => {
    const path = `${directory}/${name}`;
    const fd = writeUnsynced(libc, dataFd, path, bytes);
    group.add(fd, true, (result) => void must(result, `sync ${path}`));
  };
  write(LEADER_EPOCH_FILE, content.epochs);
  write(PARTITION_METADATA_FILE + TEMPORARY_SUFFIX, content.metadata);
}

/** What the directory holds is on disk; with this sync its names are too. */
function nameMetadata(libc: Libc, dataFd: number, directory: string, group: SyncGroup): void {
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  const renamed = libc.renameat(dataFd, path + TEMPORARY_SUFFIX, dataFd, path);
  must(renamed, `rename ${path + TEMPORARY_SUFFIX} to ${path}`);
  const fd = must(openDirectory(libc, dataFd, directory), `open ${directory}`);
  group.add(fd, true, (result) => void must(result, `sync directory ${directory}`));
}

/** Writes the topic's id where a directory has none, as those of Sluice 0.1 have. */
export function completeMetadata(libc: Libc, dataFd: number, topic: TopicDefinition): void {
  for (const directory of directoriesOf(topic)) {
    if (ownerOf(libc, dataFd, directory) !== NOBODY) continue;
    const fd = must(openDirectory(libc, dataFd, directory), `open ${directory}`);
    try {
      writeMetadata(libc, fd, topic.topicId);
    } finally {
      libc.close(fd);
    }
  }
}

/**
 * Undoes `makeDirectories`, of partitions that nobody has used. What holds anything else was put
 * there by somebody else and stays: those names are returned.
 */
export function removeMade(
  libc: Libc,
  dataFd: number,
  topic: TopicDefinition,
  first: number = 0,
): string[] {
  const kept: string[] = [];
  for (const directory of directoriesOf(topic, first)) {
    const owner = ownerOf(libc, dataFd, directory);
    if (owner === null) continue;
    if (owner === NOBODY || owner === topic.topicId) removeFirstFiles(libc, dataFd, directory);
    const removed = libc.unlinkat(dataFd, directory, AT_REMOVEDIR);
    if (removed === -ENOTEMPTY) kept.push(directory);
    else must(removed, `remove ${directory}`);
  }
  must(libc.fsync(dataFd), "sync the data directory");
  return kept;
}

/** What `makeDirectories` made. The id goes last: until then it is known whose the rest is. */
function removeFirstFiles(libc: Libc, dataFd: number, directory: string): void {
  const status = libc.fileStatus();
  const segment = `${directory}/${FIRST_SEGMENT}`;
  const found = libc.statx(dataFd, segment, AT_SYMLINK_NOFOLLOW, status);
  const names = found === 0 && status.size === 0 ? [FIRST_SEGMENT] : [];
  const temporary = PARTITION_METADATA_FILE + TEMPORARY_SUFFIX;
  for (const name of [...names, LEADER_EPOCH_FILE, temporary, PARTITION_METADATA_FILE]) {
    const removed = libc.unlinkat(dataFd, `${directory}/${name}`, 0);
    if (removed !== -ENOENT) must(removed, `remove ${directory}/${name}`);
  }
}

/** Takes the directories of a deleted topic out of the way, durably. */
export function renameDeleted(libc: Libc, dataFd: number, topic: TopicDefinition): void {
  directoriesOf(topic).forEach((directory, partition) => {
    const owner = ownerOf(libc, dataFd, directory);
    if (owner === null || (owner !== NOBODY && owner !== topic.topicId)) return;
    const to = deletedDirectory(topic.name, partition, topic.topicId);
    must(libc.renameat(dataFd, directory, dataFd, to), `rename ${directory} to ${to}`);
  });
  must(libc.fsync(dataFd), "sync the data directory");
}

/**
 * Removes what `renameDeleted` took out of the way. One file a step: the last link of a large one
 * takes its time. A directory in which something else lies is left; its name is yielded at the end
 * of its turn, otherwise nothing is.
 */
export function* removeDeleted(
  libc: Libc,
  dataFd: number,
  topic: TopicDefinition,
): Generator<string | null, void> {
  for (let partition = 0; partition < topic.partitions; partition += 1) {
    const directory = deletedDirectory(topic.name, partition, topic.topicId);
    const fd = openDirectory(libc, dataFd, directory);
    if (fd === -ENOENT) continue;
    must(fd, `open ${directory}`);
    try {
      for (const entry of namesIn(libc, fd, directory)) {
        if (isDirectory(libc, fd, entry)) continue;
        const removed = libc.unlinkat(fd, entry.name, 0);
        if (removed !== -ENOENT) must(removed, `remove ${directory}/${entry.name}`);
        yield null;
      }
    } finally {
      libc.close(fd);
    }
    const removed = libc.unlinkat(dataFd, directory, AT_REMOVEDIR);
    if (removed === -ENOTEMPTY) yield directory;
    else if (removed !== -ENOENT) must(removed, `remove ${directory}`);
  }
  must(libc.fsync(dataFd), "sync the data directory");
}

/** Names of the directories in the data directory, sorted. Throws StorageError. */
export function directoriesIn(libc: Libc, dataFd: number, path: string): string[] {
  const entries = namesIn(libc, dataFd, path);
  return entries.filter((entry) => isDirectory(libc, dataFd, entry)).map(({ name }) => name).sort();
}

/** Instead of a topic's id: there is none, or none that can be read. */
const NOBODY = "nobody";
const DAMAGED = "damaged";

/** The id in a partition's directory, NOBODY or DAMAGED; null when there is no directory. */
function ownerOf(libc: Libc, dataFd: number, directory: string): string | null {
  const fd = openDirectory(libc, dataFd, directory);
  if (fd === -ENOENT || fd === -ENOTDIR) return null;
  must(fd, `open ${directory}`);
  try {
    return ownerIn(libc, fd);
  } finally {
    libc.close(fd);
  }
}

function ownerIn(libc: Libc, fd: number): string {
  const bytes = readSmallFile(libc, fd, PARTITION_METADATA_FILE);
  if (bytes === null) return NOBODY;
  const owner = parsePartitionMetadata(new TextDecoder("latin1").decode(bytes));
  if (owner === NO_TOPIC_ID) return NOBODY;
  return owner ?? DAMAGED;
}

function writeMetadata(libc: Libc, fd: number, topicId: string): void {
  const content = new TextEncoder().encode(formatPartitionMetadata(topicId));
  replaceFile(libc, fd, PARTITION_METADATA_FILE, content);
}

function namesIn(libc: Libc, fd: number, path: string): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  must(libc.readDirectory(fd, entries), `read directory ${path}`);
  return entries;
}

function isDirectory(libc: Libc, parent: number, entry: DirectoryEntry): boolean {
  if (entry.type !== DT_UNKNOWN) return entry.type === DT_DIR;
  const status = libc.fileStatus();
  const result = libc.statx(parent, entry.name, AT_SYMLINK_NOFOLLOW, status);
  return result === 0 && (status.mode & S_IFMT) === S_IFDIR;
}
