/**
 * Tells main how far a start has come, while it takes long enough that somebody may ask: from half
 * a second on, twice a second. Main has its HTTP door say so, before anybody else is served.
 *
 *     partitions   | 0 | 1 | 2 … |      opened: counted      scanned: bytes of all, read by read
 */

import type { Libc } from "../../ffi/libc.ts";
import { RECOVERY_TELL_MS } from "../limits.ts";
import type { ShardMessage } from "./messages.ts";

export class RecoveryWatch {
  readonly #libc: Pick<Libc, "monotonicMs">;
  readonly #post: (message: ShardMessage) => void;
  readonly #partitions: number;
  #partitionsDone = 0;
  #scannedBytes = 0;
  /** Of the partition that is being opened. */
  #scanning = 0;
  #toldMs: number;

  constructor(
    libc: Pick<Libc, "monotonicMs">,
    partitions: number,
    post: (message: ShardMessage) => void,
  ) {
    this.#libc = libc;
    this.#post = post;
    this.#partitions = partitions;
    this.#toldMs = libc.monotonicMs();
  }

  /** So much of the partition at hand has been read. */
  scanned(bytes: number): void {
    this.#scanning = bytes;
    this.#tell();
  }

  /** The partition at hand is open. */
  opened(): void {
    this.#partitionsDone += 1;
    this.#scannedBytes += this.#scanning;
    this.#scanning = 0;
    this.#tell();
  }

  #tell(): void {
    const nowMs = this.#libc.monotonicMs();
    if (nowMs - this.#toldMs < RECOVERY_TELL_MS) return;
    this.#toldMs = nowMs;
    this.#post({
      kind: "recovering",
      partitionsDone: this.#partitionsDone,
      partitions: this.#partitions,
      scannedBytes: this.#scannedBytes + this.#scanning,
    });
  }
}
