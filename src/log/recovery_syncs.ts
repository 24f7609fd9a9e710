/**
 * The syncs of one partition's recovery. Those of its last segment, which every partition has, are
 * made beside those of other partitions; segments in the middle are few.
 *
 *     begin: ahead -> group: sync, drop the cache, read ahead; or size -> group: sync
 *     run: cut -> settle -> group: sync
 *
 * Invariant: what is scanned was synced and is read from the disk, and a cut is on disk before
 * anything follows on it.
 */

import { POSIX_FADV_DONTNEED, POSIX_FADV_SEQUENTIAL } from "../../ffi/constants.ts";
import { segmentFile } from "../format/file_names.ts";
import { must } from "./files.ts";
import { cutSegment, cutUnsynced } from "./recovery_files.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import type { SyncGroup } from "./sync_group.ts";

/** So much of the end of each last segment the disk is asked for before any of them is scanned. */
const READ_AHEAD_BYTES = 131072;

export class RecoverySyncs {
  readonly #store: SegmentStore;
  readonly #directory: string;
  /** Its file was cut, and the cut is not on disk yet. */
  #cut: Segment | null = null;

  constructor(store: SegmentStore, directory: string) {
    this.#store = store;
    this.#directory = directory;
  }

  /** The last segment is synced with the group, and its cache dropped. */
  ahead(segment: Segment, group: SyncGroup): void {
    this.#add(segment, group, (fd) => {
      this.#dropCache(fd);
      const from = Math.max(0, segment.size - READ_AHEAD_BYTES);
      this.#store.libc.readahead(fd, from, segment.size - from);
    });
  }

  /**
   * The last segment needs no scan, but its size is synced with the group: an earlier start may
   * have cut it here and ended before that was on disk.
   */
  size(segment: Segment, group: SyncGroup): void {
    this.#add(segment, group, () => {});
  }

  /** A segment in the middle is synced, and its cache dropped. Throws StorageError. */
  now(segment: Segment): void {
    const { fd } = segment.file!;
    must(this.#store.libc.fdatasync(fd), `sync ${segmentFile(segment.baseOffset)}`);
    this.#dropCache(fd);
  }

  /**
   * The file ends at `end` from now on. Where segments follow, they are to be removed, and a power
   * cut must not find them gone and this one as it was: then it is synced at once.
   */
  cut(segment: Segment, end: number, isLast: boolean): void {
    if (!isLast) return cutSegment(this.#store, segment, end);
    cutUnsynced(this.#store, segment, end);
    this.#cut = segment;
  }

  /** The log is what it will be: a cut of its last segment is synced with the group. */
  settle(active: Segment, group: SyncGroup): void {
    if (this.#cut === active) this.#add(active, group, () => {});
  }

  #add(segment: Segment, group: SyncGroup, then: (fd: number) => void): void {
    const { fd } = segment.file!;
    group.add(fd, false, (result) => {
      must(result, `${this.#directory}: sync ${segmentFile(segment.baseOffset)}`);
      then(fd);
    });
  }

  /** What was cached may be what a failed sync did not bring to the disk. */
  #dropCache(fd: number): void {
    this.#store.libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    this.#store.libc.fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
}
