/**
 * The file `leader-epoch-checkpoint` of a partition: which epoch began at which offset.
 *
 *     made with the topic (topic_directories.ts) or as the log is opened (EpochLine), those of many
 *     partitions beside each other -> batches -> clean stop
 *
 * Invariant: a line is durable before the first append of its epoch is acknowledged. The file is
 * replaced as a whole, so that a power cut leaves the old lines or the new ones.
 */

import { LEADER_EPOCH_FILE, TEMPORARY_SUFFIX } from "../format/file_names.ts";
import {
  must,
  openDirectory,
  readSmallFile,
  replaceFile,
  StorageError,
  writeUnsynced,
} from "./files.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import type { SegmentStore } from "./segment_store.ts";

/** The epochs of the file, or null where there is none or it is not right. */
export function loadEpochs(store: SegmentStore, directory: string): LeaderEpochs | null {
  const bytes = readSmallFile(store.libc, store.dataFd, `${directory}/${LEADER_EPOCH_FILE}`);
  const epochs = new LeaderEpochs();
  return bytes !== null && epochs.load(new TextDecoder().decode(bytes)) ? epochs : null;
}

/** Writes the file; durable when it returns. Throws StorageError. */
export function saveEpochs(store: SegmentStore, directory: string, epochs: LeaderEpochs): void {
  const fd = must(openDirectory(store.libc, store.dataFd, directory), `open ${directory}`);
  try {
    replaceFile(store.libc, fd, LEADER_EPOCH_FILE, new TextEncoder().encode(epochs.format()));
  } finally {
    store.libc.close(fd);
  }
}

/** The first batch of `epoch` lies at `base`: its line is on disk at 0; else -errno, no line. */
export function openEpoch(
  store: SegmentStore,
  directory: string,
  epochs: LeaderEpochs,
  epoch: number,
  base: number,
): number {
  const before = epochs.entries;
  epochs.assign(epoch, base);
  try {
    saveEpochs(store, directory, epochs);
    return 0;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    epochs.restore(before);
    return -error.errno;
  }
}

/**
 * The line of an epoch whose first record will lie at `base`, written in steps, with the syncs
 * between them left to the caller:
 *
 *     write -> sync of what it returns -> rename -> sync of the directory
 *
 * Where a step fails there is no line, in memory as on disk, and the first append tries again.
 */
export class EpochLine {
  readonly #store: SegmentStore;
  readonly #path: string;
  readonly #epochs: LeaderEpochs;
  readonly #before: LeaderEpochs["entries"];

  constructor(
    store: SegmentStore,
    directory: string,
    epochs: LeaderEpochs,
    epoch: number,
    base: number,
  ) {
    this.#store = store;
    this.#path = `${directory}/${LEADER_EPOCH_FILE}`;
    this.#epochs = epochs;
    this.#before = epochs.entries;
    epochs.assign(epoch, base);
  }

  /** Returns a descriptor to sync and close, or -errno: then it is taken back. */
  write(): number {
    const { libc, dataFd } = this.#store;
    const content = new TextEncoder().encode(this.#epochs.format());
    try {
      return writeUnsynced(libc, dataFd, this.#path + TEMPORARY_SUFFIX, content);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.takeBack();
      return -error.errno;
    }
  }

  /** The file is synced. False: it is taken back. */
  rename(): boolean {
    const { libc, dataFd } = this.#store;
    const renamed = libc.renameat(dataFd, this.#path + TEMPORARY_SUFFIX, dataFd, this.#path);
    if (renamed < 0) this.takeBack();
    return renamed === 0;
  }

  /** It could not be made durable. */
  takeBack(): void {
    const { libc, dataFd } = this.#store;
    libc.unlinkat(dataFd, this.#path + TEMPORARY_SUFFIX, 0);
    this.#epochs.restore(this.#before);
  }
}
