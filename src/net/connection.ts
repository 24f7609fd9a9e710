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
import type { BlockPool } from "../base/pool.ts";
import { Reply } from "../base/reply.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";

export const ConnectionState = { free: 0, open: 1, draining: 2 } as const;
export type ConnectionState = typeof ConnectionState[keyof typeof ConnectionState];

export class Connection {
  readonly slot: number;
  readonly incoming: ReceiveBuffer;
  readonly outgoing: Reply<Memory>;
  generation = 0;
  fd = -1;
  state: ConnectionState = ConnectionState.free;
  /** Which listener accepted it. */
  listener = 0;
  /** What the poller reports. */
  readArmed = false;
  writeArmed = false;
  /** In the list of connections with bytes to send in this turn. */
  sendQueued = false;
  /** In the list of connections whose frames are to be looked at in this turn. */
  dispatchQueued = false;
  /** The protocol takes no more frames for now. */
  paused = false;
  /** Above zero: the answer is a refusal, and until then the client may read it. */
  lingerUntilMs = 0;

  constructor(slot: number, receivePool: BlockPool<Memory>, replyPool: BlockPool<Memory>) {
    this.slot = slot;
    this.incoming = new ReceiveBuffer(receivePool);
    this.outgoing = new Reply(replyPool);
  }

  open(fd: number, listener: number): void {
    assert(this.state === ConnectionState.free, "a free slot");
    this.fd = fd;
    this.listener = listener;
    this.generation = (this.generation + 1) >>> 0;
    this.state = ConnectionState.open;
    this.readArmed = true;
    this.writeArmed = false;
    this.paused = false;
    this.lingerUntilMs = 0;
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
    this.lingerUntilMs = 0;
    this.incoming.release();
    this.outgoing.clear();
  }
}
