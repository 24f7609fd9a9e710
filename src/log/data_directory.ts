/**
 * The data directory: who may use it, whether its last stop was clean, and its catalogue. Opened
 * by the main thread before any shard starts.
 *
 *     absent or empty        created; refused with `initialise` off: a disk that is not mounted
 *     holds a catalogue      ours: lock, load, take the clean marker away, count the epoch;
 *                            refused when a newer program wrote it, or a partition is missing
 *     anything else          refused by name, untouched
 *
 * Invariant: while it is open no second broker has it (flock on `.lock`), and no clean marker
 * lies in it: a kill at any moment leaves a directory that is recovered.
 */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  EACCES,
  EAGAIN,
  ENOENT,
  EROFS,
  LOCK_EX,
  LOCK_NB,
  O_CREAT,
  O_NOFOLLOW,
  O_RDWR,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc } from "../../ffi/libc.ts";
import {
  CATALOGUE_FILE,
  CLEAN_STOP_FILE,
  LOCK_FILE,
  META_FILE,
  RUN_DIRECTORY,
  TEMPORARY_SUFFIX,
} from "../format/file_names.ts";
import {
  type CatalogueContent,
  emptyCatalogue,
  encodeCatalogue,
  loadCatalogue,
  saveCatalogue,
} from "./catalogue.ts";
import {
  DIRECTORY_MODE,
  FILE_MODE,
  must,
  openDirectory,
  readSmallFile,
  replaceFile,
  StorageError,
} from "./files.ts";
import { newerFile } from "./format_versions.ts";
import { listedHolder, processText } from "./lock_holder.ts";
import { Reserve } from "./reserve.ts";
import { inspectDirectories } from "./topic_directories.ts";

/** The directory cannot be used; the message says why and what to do. */
export class DirectoryError extends Error {
  override name = "DirectoryError";
}

/** What an interrupted first start may have left behind. */
const OWN_LEFTOVERS: ReadonlySet<string> = new Set([
  LOCK_FILE,
  RUN_DIRECTORY,
  CATALOGUE_FILE + TEMPORARY_SUFFIX,
  "lost+found",
]);

/** What a Kafka log directory consists of. */
const PARTITION_LIKE = /-\d+$/;

export class DataDirectory {
  readonly path: string;
  readonly fd: number;
  readonly catalogue: CatalogueContent;
  /** The last broker here stopped cleanly, or never wrote. */
  readonly clean: boolean;
  /** Ids of topics with a directory in which the id is to be written, as it was opened. */
  readonly lackIds: Set<string> = new Set();
  /** What the files of main are written with when there is no room. */
  readonly reserve: Reserve;
  /**
   * A catalogue was renamed and not synced: nobody knows which one the next start finds. The
   * process must end, as after any other sync that failed.
   */
  isInDoubt = false;
  readonly #libc: Libc;
  readonly #lockFd: number;

  private constructor(
    libc: Libc,
    path: string,
    fd: number,
    lockFd: number,
    catalogue: CatalogueContent,
    clean: boolean,
    reserve: Reserve,
  ) {
    this.reserve = reserve;
    this.#libc = libc;
    this.path = path;
    this.fd = fd;
    this.#lockFd = lockFd;
    this.catalogue = catalogue;
    this.clean = clean;
  }

  /**
   * Opens `path` for this process. Throws DirectoryError, CatalogueError or StorageError; a
   * directory that is refused is left as it was.
   */
  static open(libc: Libc, path: string, initialise: boolean): DataDirectory {
    try {
      return DataDirectory.#open(libc, path, initialise);
    } catch (error) {
      throw explained(error, path);
    }
  }

  static #open(libc: Libc, path: string, initialise: boolean): DataDirectory {
    const fd = openOrCreate(libc, path, initialise);
    let lockFd = -1;
    try {
      refuseUnlessOurs(path, directoryNames(libc, fd, path), initialise);
      refuseNewer(libc, fd, path); // before the lock makes its file
      lockFd = lock(libc, fd, path);
      // Once more: before the lock was ours another broker may have made this its directory.
      const names = directoryNames(libc, fd, path);
      const found = loadCatalogue(libc, fd);
      const lackIds = found === null ? [] : refuseUnlessWhole(libc, fd, path, found);
      if (found === null) syncParent(libc, path);
      const catalogue = found ?? emptyCatalogue(randomUuid(libc));
      const clean = found === null || names.includes(CLEAN_STOP_FILE);
      if (!clean) catalogue.nodeEpoch += 1;
      const reserve = new Reserve(libc, fd);
      if (found === null || !clean) saveCatalogue(libc, fd, catalogue, reserve);
      // After the catalogue: a start that is cut off between them finds a directory that is ours.
      if (!names.includes(META_FILE)) writeMeta(libc, fd, catalogue.clusterId);
      removeCleanMarker(libc, fd);
      const directory = new DataDirectory(libc, path, fd, lockFd, catalogue, clean, reserve);
      for (const topicId of lackIds) directory.lackIds.add(topicId);
      return directory;
    } catch (error) {
      if (lockFd >= 0) libc.close(lockFd);
      libc.close(fd);
      throw error;
    }
  }

  /** Makes a catalogue with these changes durable. Throws StorageError: then it is as it was. */
  change(changes: Partial<CatalogueContent>): void {
    const before = { ...this.catalogue };
    Object.assign(this.catalogue, changes);
    try {
      this.save();
    } catch (error) {
      Object.assign(this.catalogue, before);
      this.isInDoubt ||= !this.#isOnDisk();
      throw error;
    }
  }

  /** Whether the file is the catalogue as it stands here. */
  #isOnDisk(): boolean {
    try {
      const found = readSmallFile(this.#libc, this.fd, CATALOGUE_FILE);
      const wanted = encodeCatalogue(this.catalogue);
      return found !== null && found.length === wanted.length &&
        found.every((byte, at) => byte === wanted[at]);
    } catch {
      return false;
    }
  }

  /** Makes the catalogue as it stands durable. */
  save(): void {
    saveCatalogue(this.#libc, this.fd, this.catalogue, this.reserve);
  }

  newTopicId(): string {
    return randomUuid(this.#libc);
  }

  /** The last step of a clean stop: everything is synced and nothing runs. */
  closeClean(): void {
    const marker = JSON.stringify({ version: 0, brokerEpoch: this.catalogue.nodeEpoch });
    const content = new TextEncoder().encode(marker);
    replaceFile(this.#libc, this.fd, CLEAN_STOP_FILE, content, this.reserve);
    this.close();
  }

  close(): void {
    this.#libc.close(this.fd);
    this.#libc.close(this.#lockFd);
  }
}

/** What may not be written is told with the next step. */
function explained(error: unknown, path: string): unknown {
  if (!(error instanceof StorageError)) return error;
  if (error.errno === EROFS) {
    return new DirectoryError(
      `${path} is on a disk that can only be read: find out why (dmesg), then mount it for ` +
        `writing (mount -o remount,rw); to check what is stored: sluice verify ${path}`,
    );
  }
  if (error.errno === EACCES) {
    return new DirectoryError(
      `${error.message}: start the broker as the user to whom ${path} belongs, or give it to ` +
        "this one (chown -R)",
    );
  }
  return error;
}

function openOrCreate(libc: Libc, path: string, initialise: boolean): number {
  const found = openDirectory(libc, AT_FDCWD, path);
  if (found !== -ENOENT) return must(found, `open data directory ${path}`);
  if (!initialise) throw new DirectoryError(`${path} does not exist: is its disk mounted?`);
  must(libc.mkdirat(AT_FDCWD, path, DIRECTORY_MODE), `make data directory ${path}`);
  return must(openDirectory(libc, AT_FDCWD, path), `open data directory ${path}`);
}

/** Until there is a catalogue the directory may be one that a start made and did not sync. */
function syncParent(libc: Libc, path: string): void {
  const parent = openDirectory(libc, AT_FDCWD, `${path}/..`);
  must(parent, `open the parent of ${path}`);
  const synced = libc.fsync(parent);
  libc.close(parent);
  must(synced, `sync the parent of ${path}`);
}

function directoryNames(libc: Libc, fd: number, path: string): string[] {
  const entries: DirectoryEntry[] = [];
  must(libc.readDirectory(fd, entries), `read data directory ${path}`);
  return entries.map((entry) => entry.name);
}

function refuseUnlessOurs(path: string, names: readonly string[], initialise: boolean): void {
  if (names.includes(CATALOGUE_FILE)) return;
  const foreign = names.filter((name) => !OWN_LEFTOVERS.has(name));
  if (foreign.includes(META_FILE) || foreign.some((name) => PARTITION_LIKE.test(name))) {
    throw new DirectoryError(
      `${path} looks like a Kafka log directory: it holds partitions and no catalogue; to serve ` +
        `it from now on, stop Kafka and run: sluice adopt ${path}`,
    );
  }
  if (foreign.length > 0) {
    throw new DirectoryError(
      `${path} is not a Sluice data directory: it holds ${foreign.sort()[0]} and no catalogue; ` +
        "choose an empty or a new one with --data",
    );
  }
  if (!initialise) throw new DirectoryError(`${path} is empty: is its disk mounted?`);
}

function refuseNewer(libc: Libc, fd: number, path: string): void {
  const newer = newerFile(libc, fd);
  if (newer !== null) throw new DirectoryError(`${path}: ${newer}`);
}

/**
 * Before anything is changed: a disk that is mounted again finds its directory as it was. Returns
 * the ids of topics with a directory that has none.
 */
function refuseUnlessWhole(
  libc: Libc,
  fd: number,
  path: string,
  catalogue: CatalogueContent,
): Set<string> {
  const lackIds = new Set<string>();
  for (const topic of catalogue.topics) {
    if (topic.state !== "ready") continue;
    const { problem, lacksId } = inspectDirectories(libc, fd, topic);
    if (problem !== null) throw new DirectoryError(`${path}: ${problem}`);
    if (lacksId) lackIds.add(topic.topicId);
  }
  return lackIds;
}

function lock(libc: Libc, directory: number, path: string): number {
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW;
  const fd = must(libc.openat(directory, LOCK_FILE, flags, FILE_MODE), `open ${path}/.lock`);
  const locked = libc.flock(fd, LOCK_EX | LOCK_NB);
  const refusal = locked === -EAGAIN ? inUse(libc, fd, path) : null;
  if (locked < 0) libc.close(fd);
  if (refusal !== null) throw refusal;
  must(locked, `lock ${path}`);
  return fd;
}

function inUse(libc: Libc, lockFd: number, path: string): DirectoryError {
  const status = libc.fileStatus();
  const found = libc.statx(lockFd, "", AT_EMPTY_PATH, status) < 0
    ? null
    : listedHolder(libc, status, "sluice");
  const pid = found?.pid ?? 0;
  const who = processText(libc, pid);
  return new DirectoryError(
    `${path} is in use by another broker${who === "" ? "" : ` (${who})`}: stop it` +
      `${pid === 0 ? "" : ` (kill ${pid})`}, or choose another --data`,
  );
}

/** What Kafka's own tools look for beside the partitions. */
function writeMeta(libc: Libc, directory: number, clusterId: string): void {
  const lines = ["version=1", `cluster.id=${clusterId}`, "node.id=0", ""];
  replaceFile(libc, directory, META_FILE, new TextEncoder().encode(lines.join("\n")));
}

function removeCleanMarker(libc: Libc, directory: number): void {
  const removed = libc.unlinkat(directory, CLEAN_STOP_FILE, 0);
  if (removed === -ENOENT) return;
  must(removed, `remove ${CLEAN_STOP_FILE}`);
  must(libc.fsync(directory), "sync the data directory");
}

/** A random (version 4) uuid. Throws StorageError. */
export function randomUuid(libc: Libc): string {
  const memory = libc.allocate(16);
  must(libc.getrandom(memory, 0, 16), "getrandom");
  const bytes = memory.bytes;
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
