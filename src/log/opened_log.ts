/**
 * What recovery is told of a partition, and what it finds in its directory: the values that a
 * `Partition` begins with.
 */

import type { TopicConfig } from "../format/topic_config.ts";
import type { LeaderEpochs } from "./leader_epochs.ts";
import type { ProducerState } from "./producer_state.ts";
import type { Segment } from "./segment.ts";
import type { SnapshotFiles } from "./snapshot_files.ts";

/**
 * own: offsets are dense, epochs never fall. cleaned: below the recovery point compaction may have
 * left gaps. copied: offsets and epochs as the source gave them.
 */
export const PartitionKind = { own: 0, cleaned: 1, copied: 2 } as const;
export type PartitionKind = typeof PartitionKind[keyof typeof PartitionKind];

/** A recovery point or log start that no checkpoint file told. */
export const UNKNOWN = -1;

export interface RecoveryOptions {
  readonly directory: string;
  readonly config: TopicConfig;
  readonly kind: PartitionKind;
  readonly leaderEpoch: number;
  /** The broker stopped cleanly: files are whole and synced. */
  readonly clean: boolean;
  /** Everything below was on disk at the last checkpoint; or UNKNOWN. */
  readonly recoveryPoint: number;
  /** First offset that consumers may see; or UNKNOWN. */
  readonly logStart: number;
  /** Called now and then with the bytes scanned so far. */
  readonly progress: (bytes: number) => void;
}

/** Offsets from `from` up to, not including, `to`. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
}

export interface OpenedLog {
  /** The last one open, with its indexes. */
  readonly segments: Segment[];
  readonly logStart: number;
  /** Offset of the next batch; everything below is on disk. */
  readonly end: number;
  readonly recoveryPoint: number;
  /** Bytes of log above the recovery point. */
  readonly bytesSinceCheckpoint: number;
  readonly epochs: LeaderEpochs;
  /** The epoch file says something else. */
  readonly epochsChanged: boolean;
  readonly producers: ProducerState;
  readonly snapshots: SnapshotFiles;
  /** Empty, or in words what is damaged below the recovery point. */
  readonly degraded: string;
  readonly damage: readonly DamagedRange[];
}

/** What a recovery did, for people. */
export interface RecoveryReport {
  segments: number;
  bytesScanned: number;
  /** Bytes cut off behind the last whole batch, with the segments after it. */
  bytesDropped: number;
  /** How many of them are zeros: written ahead of the log, nothing is lost with them. */
  zerosDropped: number;
  /** Why the scan stopped, for people; empty when it reached the end. */
  stoppedAt: string;
  /** What is damaged below the recovery point, for people; empty when nothing is. */
  degraded: string;
}

export function emptyReport(): RecoveryReport {
  return {
    segments: 0,
    bytesScanned: 0,
    bytesDropped: 0,
    zerosDropped: 0,
    stoppedAt: "",
    degraded: "",
  };
}
