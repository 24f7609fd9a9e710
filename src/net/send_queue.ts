/**
 * Sends what a reply holds: memory by `send`, file slices by `sendfile`, in order, as far as the
 * socket takes it. Hot.
 *
 *     mem (MSG_MORE) -> sendfile -> mem (MSG_MORE) -> sendfile -> mem
 *
 * Memory that a slice follows is sent with MSG_MORE, so that header and payload leave in one
 * segment: without it a fetch costs twice the processor time.
 *
 * A reader as quick as we are would keep the loop for itself: a call sends a share, about a MiB.
 *
 * Slices were in the page cache when they were queued. What the socket did not take then may have
 * left it since: a guard is asked before it goes on, because `sendfile` would wait for the disk.
 *
 * Invariant: bytes leave in the order in which they were queued, each once; a partial send goes
 * on where it stopped.
 */

import { EAGAIN, EINTR, MSG_MORE, MSG_NOSIGNAL } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import type { Reply } from "../base/reply.ts";
import { SEND_TURN_BYTES } from "../limits.ts";

/** Everything went. */
export const SENT_ALL = 0;
/** The socket is full: go on when it is writable. */
export const SENT_PART = 1;
/** More may go, in the next turn: others have theirs first. */
export const SENT_SHARE = 3;
/** A slice's file ended early: the length was promised, so the connection must end. */
export const SENT_SHORT_FILE = 2;
/** The rest of a slice is not in the page cache: go on when it has been read. */
export const SENT_COLD = 4;

/** Knows what is in the page cache. */
export interface SliceGuard {
  holds(fd: number, position: number, size: number): boolean;
}

export interface SendCounters {
  /** Calls of send. */
  sends: number;
  /** Calls of sendfile. */
  sendfiles: number;
  memoryBytes: number;
  fileBytes: number;
}

/** Size of the next part of the first slice: what one call sends, and a guard is asked for. */
export function partSize(reply: Reply<Memory>): number {
  return Math.min(reply.sliceSize, SEND_TURN_BYTES);
}

/**
 * Returns SENT_ALL, SENT_PART, SENT_SHARE, SENT_COLD, SENT_SHORT_FILE, or -errno when the peer is
 * gone.
 */
export function sendReply(
  libc: Libc,
  fd: number,
  reply: Reply<Memory>,
  counters: SendCounters,
  guard: SliceGuard | null,
): number {
  const code = sendShare(libc, fd, reply, counters, guard);
  reply.isStale = code !== SENT_ALL;
  return code;
}

function sendShare(
  libc: Libc,
  fd: number,
  reply: Reply<Memory>,
  counters: SendCounters,
  guard: SliceGuard | null,
): number {
  const pendingBytes = reply.pendingBytes;
  while (!reply.isEmpty) {
    if (pendingBytes - reply.pendingBytes >= SEND_TURN_BYTES) return SENT_SHARE;
    const code = reply.start < reply.memoryEnd
      ? sendMemory(libc, fd, reply, counters)
      : sendSlice(libc, fd, reply, counters, guard);
    if (code !== SENT_ALL) return code;
  }
  reply.settle();
  return SENT_ALL;
}

function sendMemory(libc: Libc, fd: number, reply: Reply<Memory>, counters: SendCounters): number {
  const size = reply.memoryEnd - reply.start;
  const flags = reply.hasSlice ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
  const sent = libc.send(fd, reply.block!, reply.start, size, flags);
  counters.sends += 1;
  if (sent < 0) return afterError(sent);
  reply.memorySent(sent);
  counters.memoryBytes += sent;
  return sent < size ? SENT_PART : SENT_ALL;
}

function sendSlice(
  libc: Libc,
  fd: number,
  reply: Reply<Memory>,
  counters: SendCounters,
  guard: SliceGuard | null,
): number {
  const size = partSize(reply);
  if (guard !== null && reply.isStale) {
    if (!guard.holds(reply.sliceFd, reply.slicePosition, size)) return SENT_COLD;
  }
  const sent = libc.sendfile(fd, reply.sliceFd, reply.slicePosition, size);
  counters.sendfiles += 1;
  if (sent < 0) return afterError(sent);
  if (sent === 0) return SENT_SHORT_FILE;
  reply.sliceSent(sent);
  counters.fileBytes += sent;
  return SENT_ALL; // a short sendfile is not yet a full socket: the next call tells
}

function afterError(result: number): number {
  if (result === -EINTR) return SENT_ALL;
  return result === -EAGAIN ? SENT_PART : result;
}
