/**
 * The file `leader-epoch-checkpoint` of a partition: which epoch began at which offset.
 *
 *     made with the topic (topic_directories.ts) or as the log is opened -> batches -> clean stop
 *
 * Invariant: a line is durable before the first append of its epoch is acknowledged. The file is
 * replaced as a whole, so that a power cut leaves the old lines or the new ones.
 */

import { LEADER_EPOCH_FILE } from "../format/file_names.ts";
import { must, openDirectory, readSmallFile, replaceFile, StorageError } from "./files.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import type { SegmentStore } from "./segment_store.ts";

/** The epochs of the file, or null where there is none or it is not right. */
export function loadEpochs(store: SegmentStore, directory: string): LeaderEpochs | null {
  const fd = must(openDirectory(store.libc, store.dataFd, directory), `open ${directory}`);
  try {
    const bytes = readSmallFile(store.libc, fd, LEADER_EPOCH_FILE);
    const epochs = new LeaderEpochs();
    return bytes !== null && epochs.load(new TextDecoder().decode(bytes)) ? epochs : null;
  } finally {
    store.libc.close(fd);
  }
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
