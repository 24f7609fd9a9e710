/**
 * Who may take a larger block for a large frame, when the blocks lent already come near the
 * budget. Small frames never ask: a fresh block is theirs in any case.
 *
 *     fits the budget -> granted
 *     does not        -> the first to say so gets the permit: it may pass the budget, alone
 *                        the others wait, unread, in the order in which they came
 *
 * So the memory for frames is bounded by the budget and one largest frame, and there is always one
 * large frame that can be finished. The permit ends with its frame, or with its connection.
 *
 * Invariant: a connection is in the queue exactly when it says `waitsForRoom`.
 */

import type { Memory } from "../../ffi/libc.ts";
import type { BlockPool } from "../base/pool.ts";
import { RECEIVE_SIZE } from "../limits.ts";
import type { Connection } from "./connection.ts";

export class ReceiveBudget {
  readonly bytes: number;
  /** How often a connection had to wait. */
  waits = 0;
  readonly #pool: BlockPool<Memory>;
  readonly #waiting: Connection[] = [];
  #permitted: Connection | null = null;

  constructor(pool: BlockPool<Memory>, bytes: number) {
    this.#pool = pool;
    this.bytes = bytes;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Small blocks count as well: above half of the budget they hold no more than they need. */
  get isTight(): boolean {
    return this.#pool.lentBytes > this.bytes / 2;
  }

  /** Whether `connection` may change its block for one of `size` now. */
  admits(connection: Connection, size: number): boolean {
    const extra = size - connection.incoming.block!.size;
    if (this.#pool.lentBytes + extra <= this.bytes || size <= RECEIVE_SIZE) return true;
    const holder = this.#permitted;
    if (holder !== null && holder !== connection && isLarge(holder)) return false;
    this.#permitted = connection;
    return true;
  }

  /** `connection` was not admitted and is to be asked for again by `next`. */
  wait(connection: Connection): void {
    connection.waitsForRoom = true;
    this.#waiting.push(connection);
    this.waits += 1;
  }

  /** The first in the queue that is admitted now; it has left the queue. Null: nobody. */
  next(): Connection | null {
    for (let i = 0; i < this.#waiting.length; i += 1) {
      const connection = this.#waiting[i]!;
      if (!this.admits(connection, connection.incoming.wantedSize)) continue;
      this.#waiting.splice(i, 1);
      connection.waitsForRoom = false;
      return connection;
    }
    return null;
  }

  /** The connection ends: it waits no longer. */
  forget(connection: Connection): void {
    if (!connection.waitsForRoom) return;
    this.#waiting.splice(this.#waiting.indexOf(connection), 1);
    connection.waitsForRoom = false;
  }
}

/** Still holds a block that had to be asked for. */
function isLarge({ incoming }: Connection): boolean {
  return incoming.block !== null && incoming.block.size > RECEIVE_SIZE;
}
