/**
 * What of a partition no sync covers yet, beside its active segment: sealed segments, and
 * descriptors to sync once and then close (its directory, a sealed segment's indexes, a snapshot).
 *
 *     add … -> begin: descriptors of one sync -> all reported -> end: what was covered is forgotten
 *
 * Invariant: a log file with unsynced bytes stays open, by the descriptor that wrote it, until a
 * sync that began after the write is over: its error would be reported there and nowhere else. Hot.
 */

import { shorten } from "../base/shorten.ts";
import { LOOSE_PER_SYNC_MAX, SEALED_PER_SYNC_MAX } from "../limits.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

export class Unsynced {
  /** Oldest first. */
  readonly #sealed: Segment[] = [];
  /** How many of them the sync in flight covers. */
  #sealedSyncing = 0;
  readonly #loose: number[] = [];
  readonly #looseSyncing: number[] = [];
  /** The directory, while a new entry of it is not synced; else -1. */
  #directory = -1;
  /** Bytes of log written; those of level os are nobody's to sync and are not counted. */
  #bytes = 0;
  /** How many of them the sync in flight covers. */
  #bytesSyncing = 0;

  get isEmpty(): boolean {
    return this.#sealed.length === 0 && this.#loose.length === 0 && this.#directory < 0;
  }

  has(segment: Segment): boolean {
    return this.#sealed.includes(segment);
  }

  addSealed(segment: Segment): void {
    this.#sealed.push(segment);
  }

  get hasDirectory(): boolean {
    return this.#directory >= 0;
  }

  /** The next sync covers it, whatever else has to wait: a segment is nothing without its name. */
  addDirectory(fd: number): void {
    this.#directory = fd;
  }

  /** A file that nothing depends on; the descriptor is closed after a sync. */
  addLoose(fd: number): void {
    this.#loose.push(fd);
  }

  /** The store holds the sum over all partitions. */
  addBytes(store: SegmentStore, size: number): void {
    this.#bytes += size;
    store.unsyncedBytes += size;
  }

  /** No sync will come for what was written. */
  forgetBytes(store: SegmentStore): void {
    store.unsyncedBytes -= this.#bytes;
    this.#bytes = 0;
    this.#bytesSyncing = 0;
  }

  /**
   * Adds to `fds` what the next sync covers. Returns the last sealed segment of it when others
   * follow that have to wait, or null: then the active segment may be synced along.
   */
  begin(fds: number[]): Segment | null {
    const count = Math.min(this.#sealed.length, SEALED_PER_SYNC_MAX);
    for (let i = 0; i < count; i += 1) fds.push(this.#sealed[i]!.file!.fd);
    this.#sealedSyncing = count;
    if (this.#directory >= 0) this.#looseSyncing.push(this.#directory);
    this.#directory = -1;
    const loose = Math.min(this.#loose.length, LOOSE_PER_SYNC_MAX);
    for (let i = 0; i < loose; i += 1) this.#looseSyncing.push(this.#loose[i]!);
    if (loose > 0) this.#loose.splice(0, loose);
    for (let i = 0; i < this.#looseSyncing.length; i += 1) fds.push(this.#looseSyncing[i]!);
    const hasMore = count < this.#sealed.length;
    this.#bytesSyncing = hasMore ? 0 : this.#bytes; // rather too late than too early
    return hasMore ? this.#sealed[count - 1]! : null;
  }

  /** Every descriptor of the sync has reported; with `synced` all of them well. */
  end(store: SegmentStore, synced: boolean): void {
    for (let i = 0; i < this.#looseSyncing.length; i += 1) {
      store.libc.close(this.#looseSyncing[i]!);
    }
    shorten(this.#looseSyncing, 0);
    if (!synced) return;
    this.#bytes -= this.#bytesSyncing;
    store.unsyncedBytes -= this.#bytesSyncing;
    this.#bytesSyncing = 0;
    for (let i = 0; i < this.#sealedSyncing; i += 1) store.sealedIsSynced(this.#sealed[i]!);
    if (this.#sealedSyncing > 0) this.#sealed.splice(0, this.#sealedSyncing);
    this.#sealedSyncing = 0;
  }

  /**
   * The partition lets go of its files, and of all `segments`: nothing is synced any more. Not
   * while a sync is in flight: it may know a file by its descriptor, which would mean another one.
   */
  abandon(store: SegmentStore, segments: readonly Segment[]): void {
    const { libc } = store;
    this.forgetBytes(store);
    for (const segment of this.#sealed) {
      if (segment.file !== null) segment.file.release();
      segment.file = null;
    }
    shorten(this.#sealed, 0);
    for (const fd of this.#loose) libc.close(fd);
    shorten(this.#loose, 0);
    if (this.#directory >= 0) libc.close(this.#directory);
    this.#directory = -1;
    for (const segment of segments) store.drop(segment);
  }
}
