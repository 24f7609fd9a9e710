/**
 * Disk: whether a shard may append, as a state that begins and ends by itself.
 *
 *     ok -> full        little room is left, or a write found none          disk_full
 *     ok -> read_only   the kernel refused a write or a sync with EROFS     disk_read_only
 *     ok -> full        the bound of all logs is reached, and nothing of them may leave
 *     back to ok        there is room; after a failed write also: one that was taken
 *
 *     0 -- refused -- low -- as it was -- high -- taken -- total      bytes that are available
 *
 * Looked at once a second, when a write fails, and when more was written than the last look had
 * found above `low`. What stops at `low` is appending and creating topics: fetches, deletes,
 * retention and checkpoints go on, and have the room below. A file that may not grow (EFBIG:
 * RLIMIT_FSIZE) is the same state for people, but hits its partition alone. Hot.
 *
 * Invariant: `refusal` is none exactly when an append may be tried.
 */

import { EFBIG, ENOSPC, EROFS, errnoName } from "../../ffi/constants.ts";
import type { FileSystemStatus, Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import { MiB } from "../base/units.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { refusalOf } from "./failures.ts";
import { highBytes, lowBytes } from "./watermarks.ts";

export const DiskState = { ok: 0, full: 1, read_only: 2 } as const;
export type DiskState = typeof DiskState[keyof typeof DiskState];

const LOOKS_PER_LOW_MARK = 8;

export class Disk {
  /** What an append is answered with before anything of it is written. */
  refusal: ErrorCode = ErrorCodes.none;
  /** As of the last look. */
  availableBytes = 0;
  totalBytes = 0;
  /** The state is another one than main was told; who tells it clears this. */
  isNews = false;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #status: FileSystemStatus;
  #state: DiskState = DiskState.ok;
  /** Bytes that may be written before the next look. */
  #headroomBytes = 0;
  /** The figures say nothing about why a write failed: only one that is taken ends the state. */
  #mustProve = false;
  /** A sync failed: what is on disk is for the next start to find out. */
  #isFinal = false;
  /** All logs together may not grow, however much room there is. */
  #isAtBound = false;
  /** Logs whose file may not grow. */
  readonly #limited: Set<object> = new Set();

  /** `fd` is any open file of the file system. */
  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#status = libc.fileSystemStatus();
    this.look();
  }

  /** For people: also full when a single file may not grow. */
  get state(): DiskState {
    const isFull = this.#isAtBound || this.#limited.size > 0;
    return this.#state === DiskState.ok && isFull ? DiskState.full : this.#state;
  }

  /** Once a second, and when there is a reason to. A file system that does not answer is ok. */
  look(): void {
    if (this.#libc.fstatfs(this.#fd, this.#status) < 0) return;
    const { availableBytes, totalBytes } = this.#status;
    this.availableBytes = availableBytes;
    this.totalBytes = totalBytes;
    const low = lowBytes(totalBytes);
    // Others write to the disk too: so much may go by before it is looked at again.
    this.#headroomBytes = Math.min(availableBytes - low, low / LOOKS_PER_LOW_MARK);
    if (availableBytes < low) return this.#enter(DiskState.full, false, "little room is left");
    if (this.#state === DiskState.ok || this.#isFinal) return;
    const isRoomy = availableBytes >= highBytes(totalBytes);
    if (this.#state === DiskState.full && !isRoomy) return;
    if (this.#mustProve) this.refusal = ErrorCodes.none; // the next write is the proof
    else this.#leave();
  }

  /** A log has written so much. */
  wrote(bytes: number, log: object): void {
    this.#headroomBytes -= bytes;
    if (this.#headroomBytes < 0) this.look();
    if (this.#limited.size > 0) this.forget(log);
    if (this.#mustProve && this.refusal === ErrorCodes.none) this.#leave();
  }

  /** A call failed that would have made a log larger. Returns what its producers are told. */
  failed(errno: number, log: object): ErrorCode {
    const code = refusalOf(errno);
    if (errno === EFBIG) this.#limit(log);
    else if (code === ErrorCodes.disk_full) this.#findFull(errno);
    else if (errno === EROFS) this.#enter(DiskState.read_only, true, "a write was refused");
    return code;
  }

  /** A sync was refused because nothing may be written any more. Not for this process to end. */
  syncFailed(): void {
    this.#enter(DiskState.read_only, true, "a sync was refused");
    this.#isFinal = true;
  }

  /** Whether the bound of all logs is reached and nothing leaves (bound.ts). */
  setAtBound(isReached: boolean): void {
    if (isReached === this.#isAtBound) return;
    this.#isAtBound = isReached;
    this.isNews = true;
    if (this.refusal === ErrorCodes.none && isReached) this.refusal = ErrorCodes.disk_full;
    else if (this.#state === DiskState.ok && !isReached) this.refusal = ErrorCodes.none;
    if (isReached) {
      trace("error", "disk full: retention.total is reached, and no segment may leave");
    } else trace("info", "there is room below retention.total again: records are taken");
  }

  /** The log may grow again, or is no more. */
  forget(log: object): void {
    if (!this.#limited.delete(log) || this.#limited.size > 0) return;
    this.isNews = true;
    if (this.#state === DiskState.ok) trace("info", "files may grow again: records are taken");
  }

  #limit(log: object): void {
    if (this.#limited.size === 0) {
      trace("error", `disk full: a file may not grow (${errnoName(EFBIG)}, ulimit -f)`);
    }
    this.#limited.add(log);
  }

  /** A quota, a lack of inodes and room kept for root do not show in the figures. */
  #findFull(errno: number): void {
    const seen = this.#libc.fstatfs(this.#fd, this.#status) >= 0;
    const { availableBytes, totalBytes } = this.#status;
    if (seen) this.availableBytes = availableBytes;
    const isSeen = seen && errno === ENOSPC && availableBytes < highBytes(totalBytes);
    this.#enter(DiskState.full, !isSeen, `a write found no room (${errnoName(errno)})`);
  }

  #enter(state: DiskState, mustProve: boolean, why: string): void {
    const before = this.#state;
    this.#state = Math.max(before, state) as DiskState; // read-only until a write proves otherwise
    const isFull = this.#state === DiskState.full;
    this.refusal = isFull ? ErrorCodes.disk_full : ErrorCodes.disk_read_only;
    this.#mustProve ||= mustProve;
    if (this.#state === before) return;
    this.isNews = true;
    const name = isFull ? "disk full" : "disk read-only";
    trace("error", `${name}: ${why}; no records are taken, reads go on (${this.#room()})`);
  }

  #leave(): void {
    this.refusal = this.#isAtBound ? ErrorCodes.disk_full : ErrorCodes.none;
    this.#mustProve = false;
    this.#state = DiskState.ok;
    this.isNews = true;
    trace("info", `the disk can be written again: records are taken (${this.#room()})`);
  }

  #room(): string {
    const mib = (bytes: number) => (bytes / MiB).toFixed(1);
    return `${mib(this.availableBytes)} of ${mib(this.totalBytes)} MiB free`;
  }
}
