/**
 * Tells main how far a start has come, while it takes long enough that somebody may ask: from half
 * a second on, twice a second. Main has its HTTP door say so, before anybody else is served. And
 * every few seconds a line says it to people.
 *
 *     partitions   | 0 | 1 | 2 … |      opened: counted      scanned: bytes of all, read by read
 */

import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import { MiB } from "../base/units.ts";
import { RECOVERY_TELL_MS, START_PROGRESS_MS } from "../limits.ts";
import type { ShardMessage } from "./messages.ts";

export class RecoveryWatch {
  /** How many there are to open. */
  readonly partitions: number;
  readonly #libc: Pick<Libc, "monotonicMs">;
  readonly #post: (message: ShardMessage) => void;
  #partitionsDone = 0;
  #scannedBytes = 0;
  #toldMs: number;
  #saidMs: number;

  constructor(
    libc: Pick<Libc, "monotonicMs">,
    partitions: number,
    post: (message: ShardMessage) => void,
  ) {
    this.#libc = libc;
    this.#post = post;
    this.partitions = partitions;
    this.#toldMs = libc.monotonicMs();
    this.#saidMs = this.#toldMs;
  }

  /** So many more bytes have been read. */
  scanned(bytes: number): void {
    this.#scannedBytes += bytes;
    this.#tell();
  }

  /** So many more partitions are open. */
  opened(count: number): void {
    this.#partitionsDone += count;
    this.#tell();
  }

  #tell(): void {
    const nowMs = this.#libc.monotonicMs();
    if (nowMs - this.#toldMs < RECOVERY_TELL_MS) return;
    this.#toldMs = nowMs;
    this.#post({
      kind: "recovering",
      partitionsDone: this.#partitionsDone,
      partitions: this.partitions,
      scannedBytes: this.#scannedBytes,
    });
    if (nowMs - this.#saidMs < START_PROGRESS_MS) return;
    this.#saidMs = nowMs;
    const scanned = `${Math.floor(this.#scannedBytes / MiB)} MiB scanned`;
    trace("info", `start: ${this.#partitionsDone} of ${this.partitions} partitions, ${scanned}`);
  }
}
