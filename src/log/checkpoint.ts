/**
 * Checkpoints of one partition: what bounds the work of the next recovery.
 *
 *     hold at the written end -> a sync makes that durable -> finish: index entries, snapshot,
 *     the recovery point moves -> main writes recovery-point-offset-checkpoint
 *
 * The producer snapshot is taken when the checkpoint is held and written when the log is durable
 * up to it, so it never knows more than the log.
 *
 * Invariant: everything below `recoveryPoint` is on disk. It never falls.
 */

import type { ByteBlock } from "../base/bytes.ts";
import { Level } from "../format/levels.ts";
import { saveEpochs } from "./epoch_file.ts";
import { StorageError } from "./files.ts";
import { writeIndexes } from "./index_files.ts";
import type { OpenedLog } from "./opened_log.ts";
import type { Partition } from "./partition.ts";
import { encodeSnapshot } from "./producer_snapshot.ts";
import type { ProducerState } from "./producer_state.ts";
import type { SnapshotFiles } from "./snapshot_files.ts";

const NOTHING_HELD = -1;

export class Checkpoint {
  recoveryPoint: number;
  /** Bytes of log written above the recovery point. */
  bytesSince: number;
  /** The epoch file says more than memory: what the log start has passed. */
  epochsChanged: boolean;
  readonly #snapshots: SnapshotFiles;
  #heldOffset: number = NOTHING_HELD;
  #heldBytes = 0;
  #held: ByteBlock | null = null;

  constructor(log: OpenedLog) {
    this.recoveryPoint = log.recoveryPoint;
    this.bytesSince = log.bytesSinceCheckpoint;
    this.epochsChanged = log.epochsChanged;
    this.#snapshots = log.snapshots;
  }

  /** Takes the producers as they are at `offset`, the written end. */
  hold(offset: number, producers: ProducerState): void {
    this.#heldOffset = offset;
    this.#heldBytes = this.bytesSince;
    this.#held = offset === this.#snapshots.latest ? null : encodeSnapshot(producers);
  }

  get isHeld(): boolean {
    return this.#heldOffset !== NOTHING_HELD;
  }

  /**
   * Whether so many bytes were written since the last one. At level os a checkpoint would be the
   * only sync there is: there the bound of recovery is a segment, or a minute.
   */
  isDue(level: Level, bytes: number): boolean {
    return this.bytesSince >= bytes && !this.isHeld && level !== Level.os;
  }

  isHeldAtOrBelow(durable: number): boolean {
    return this.isHeld && this.#heldOffset <= durable;
  }

  /**
   * The log is durable up to what is held. Returns a descriptor to sync and close, 0 without one,
   * or -errno: then the recovery point stays where it was.
   */
  finish(partition: Partition): number {
    const { store, directory } = partition;
    const offset = this.#heldOffset;
    this.#heldOffset = NOTHING_HELD;
    writeIndexes(store, directory, partition.active);
    const fd = this.#held === null ? 0 : this.#snapshots.write(offset, this.#held);
    this.#held = null;
    if (fd < 0) return fd;
    this.bytesSince -= this.#heldBytes;
    this.recoveryPoint = offset;
    store.counters.checkpoints += 1;
    store.garbage += 1;
    return fd;
  }

  /**
   * At a clean stop alone: it waits for the disk. No loss without it: lines below the log start are
   * cut off at the next start.
   */
  saveEpochs(partition: Partition): void {
    if (!this.epochsChanged) return;
    try {
      saveEpochs(partition.store, partition.directory, partition.epochs);
      this.epochsChanged = false;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }
}
