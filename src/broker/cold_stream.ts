/**
 * ColdStream: one reader's way through one segment file, and how far the background worker has
 * read ahead of it.
 *
 *     | dropped | read ahead, sent | read ahead | being read |  wanted  |         file
 *               ownFrom           next        loaded        ahead     wanted
 *
 * `until` is where the bytes end that somebody waits for: a fetch, a subscription or a connection
 * that stopped in the middle of a slice.
 *
 * Invariant: loaded <= ahead <= wanted. The file is held as long as the worker may touch it.
 */

import type { SharedFile } from "../base/file_slice.ts";
import { COLD_WINDOW_MAX, COLD_WINDOW_MIN } from "../limits.ts";

/** Who waits for bytes. One that is dropped is told to `ColdReads.forget`. */
export interface ColdWaiter {
  /** Where it waits, or null. */
  stream: ColdStream | null;
  /** How often it has waited without coming further. */
  tries: number;
  /** Where the bytes began that it waited for the last time. */
  missedAt: number;
  /** What was read for it: it asks for no more than this next time. */
  partBytes: number;
  /** 0, or -errno of the read. */
  readResult: number;
}

/** `waiter` waits once more, for bytes at `position`: where it has come further it counts anew. */
export function countTry(waiter: ColdWaiter, position: number): void {
  waiter.tries = position > waiter.missedAt ? 1 : waiter.tries + 1;
  waiter.missedAt = position;
}

export class ColdStream {
  /** Open only while it is `held`, or where a slice of it has just been read. */
  file: SharedFile;
  /** Of its segment: where that begins, and how long it was when it was last looked at. */
  baseOffset: number;
  limit = 0;
  next: number;
  loaded: number;
  ahead: number;
  wanted: number;
  ownFrom: number;
  until = 0;
  /** Bytes below may have been read ahead by the kernel, for the worker. */
  hinted = 0;
  /** How far beyond `next` is read ahead. */
  window: number = COLD_WINDOW_MIN;
  /** Slices in a row that followed each other. */
  run = 0;
  /** Its last bytes had to be read: reading ahead pays. */
  isCold = false;
  /** Its file is read ahead by us alone. */
  isOurs = false;
  waiter: ColdWaiter | null = null;
  /** A connection that waits, instead of a waiter. */
  slot = -1;
  generation = 0;
  /** Pieces that the worker has not reported. */
  posted = 0;
  queued = false;
  held = false;
  usedMs = 0;

  constructor(file: SharedFile, baseOffset: number, position: number) {
    this.file = file;
    this.baseOffset = baseOffset;
    this.next = position;
    this.loaded = position;
    this.ahead = position;
    this.wanted = position;
    this.ownFrom = position;
  }

  get isIdle(): boolean {
    return this.waiter === null && this.slot < 0 && this.posted === 0 && !this.queued;
  }

  /** Another reader's way, at its first bytes. */
  restart(file: SharedFile, baseOffset: number, position: number): void {
    this.goOnIn(file, baseOffset, position);
    this.window = COLD_WINDOW_MIN;
    this.run = 0;
    this.isCold = false;
  }

  /** The same reader in another file, or the same one at a position it jumped to. */
  goOnIn(file: SharedFile, baseOffset: number, position: number): void {
    this.file = file;
    this.baseOffset = baseOffset;
    this.next = position;
    this.hinted = 0;
    this.isOurs = false;
    this.skipTo(position);
  }

  /** What lies below `position` was not read by us. */
  skipTo(position: number): void {
    this.loaded = position;
    this.ahead = position;
    this.wanted = position;
    this.ownFrom = position;
  }

  /** How much of a range was read for this stream, or is being read. */
  readOf(position: number, end: number): number {
    const to = Math.min(end, Math.max(this.ahead, this.hinted));
    return Math.max(0, to - Math.max(position, this.ownFrom));
  }

  /** Before it waits for bytes from `position` to `end`: what is in hand of them still counts. */
  lookAgain(position: number, end: number): void {
    const known = this.posted > 0 ? this.ahead : this.loaded;
    const isKnown = position <= known && end > this.loaded;
    if (!isKnown) this.loaded = position;
    // Pieces on their way begin above `loaded` then, and move nothing.
    if (!isKnown || this.posted === 0) this.ahead = this.loaded;
    if (!this.queued || !isKnown) this.wanted = this.ahead;
    this.ownFrom = Math.min(this.ownFrom, position);
  }

  /** Reading ahead was too late. */
  grow(): void {
    this.window = Math.min(COLD_WINDOW_MAX, 2 * this.window);
  }

  /** What was read ahead was gone before it was sent. */
  shrink(): void {
    this.window = Math.max(COLD_WINDOW_MIN, Math.floor(this.window / 2));
  }

  hold(): void {
    if (this.held) return;
    this.held = true;
    this.file.retain();
  }

  letGo(): void {
    if (!this.held || !this.isIdle) return;
    this.held = false;
    this.file.release();
  }
}
