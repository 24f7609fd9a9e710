/**
 * Connection: one socket with what came in and what has to go out. It knows no protocol. Hot.
 *
 *     open -> draining -> free          draining: no more reading, what is queued is still sent
 *          \-----------> free
 *
 * Invariant: a slot is used again only with a higher generation, so whatever was queued for the
 * connection before it never reaches the one after it.
 */

import type { Memory } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import type { Due } from "../base/deadlines.ts";
import type { BlockPool } from "../base/pool.ts";
import { Reply } from "../base/reply.ts";
import { REPLY_BLOCK_SIZE } from "../limits.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";

export const ConnectionState = { free: 0, open: 1, draining: 2 } as const;
export type ConnectionState = typeof ConnectionState[keyof typeof ConnectionState];

/** The time of what has not begun. */
export const NEVER: number = Infinity;

export class Connection implements Due {
  readonly slot: number;
  readonly incoming: ReceiveBuffer;
  readonly outgoing: Reply<Memory>;
  generation = 0;
  /** Never used again in this process, unlike the slot. */
  id = 0;
  fd = -1;
  state: ConnectionState = ConnectionState.free;
  /** Which listener accepted it. */
  listener = 0;
  /** What the poller reports. */
  readArmed = false;
  writeArmed = false;
  /** The rest of a slice is being read from the disk; nothing is sent before. */
  waitsForDisk = false;
  /** How often in a row. */
  diskWaits = 0;
  /** In the list of connections with bytes to send in this turn. */
  sendQueued = false;
  /** In the list of connections whose frames are to be looked at in this turn. */
  dispatchQueued = false;
  /** The protocol takes no more frames for now. */
  paused = false;
  /** Had its frames of this turn and has more; it goes on in the next. */
  yielded = false;
  /** Is not read, which is not the client's doing: its deadlines stand still. */
  held = false;
  /** Waits for its turn to take a larger block. */
  waitsForRoom = false;
  /** Address of the peer, where connections are counted by it. */
  peerHost = "";
  /** The earliest of its deadlines, on the loop's clock; the next one is put in when it comes. */
  deadlineMs = 0;
  heapIndex = -1;
  openedMs = 0;
  /** For operators: wall clock, and what it did. */
  sinceWallMs = 0;
  lastRequestWallMs = 0;
  requests = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** When bytes last came or went. */
  activeMs = 0;
  /** When the partial frame began; NEVER: there is none. */
  frameMs: number = NEVER;
  /** The partial frame lies in a block of its size. */
  settled = false;
  /** Since when the peer takes nothing of what is queued; NEVER: it does. */
  stalledMs: number = NEVER;
  /** The answer is a refusal, and until then the client may read it. */
  lingerUntilMs: number = NEVER;

  constructor(slot: number, receivePool: BlockPool<Memory>, replyPool: BlockPool<Memory>) {
    this.slot = slot;
    this.incoming = new ReceiveBuffer(receivePool);
    this.outgoing = new Reply(replyPool, REPLY_BLOCK_SIZE);
  }

  /** `nowMs` is on the loop's clock. */
  open(fd: number, listener: number, nowMs: number): void {
    assert(this.state === ConnectionState.free, "a free slot");
    assert(this.heapIndex === -1, "a slot without a deadline");
    this.fd = fd;
    this.listener = listener;
    this.generation = (this.generation + 1) >>> 0;
    this.state = ConnectionState.open;
    this.readArmed = true;
    this.writeArmed = false;
    this.paused = false;
    this.yielded = false;
    this.held = false;
    this.openedMs = nowMs;
    this.lastRequestWallMs = 0;
    this.requests = 0;
    this.receivedBytes = 0;
    this.sentBytes = 0;
    this.activeMs = nowMs;
    this.frameMs = NEVER;
    this.stalledMs = NEVER;
    this.lingerUntilMs = NEVER;
    this.waitsForDisk = false;
    this.diskWaits = 0;
  }

  /** Reads no more; ends when what is queued is sent. */
  drain(): void {
    if (this.state === ConnectionState.open) this.state = ConnectionState.draining;
  }

  /** The descriptor is closed by the caller. */
  free(): void {
    assert(this.state !== ConnectionState.free, "freed once");
    this.state = ConnectionState.free;
    this.fd = -1;
    this.peerHost = "";
    this.waitsForDisk = false;
    this.incoming.release();
    this.outgoing.clear();
  }
}
