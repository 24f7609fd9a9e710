/**
 * Messages between the main thread and the workers of a shard. To a worker goes exactly one, at
 * its start, and to the shard one word before it; everything after it is a control operation. From
 * a shard they arrive at once, even while it never returns to its event loop.
 */

import type { TraceLevel } from "../base/trace.ts";
import type { ColdReadsConfig, ConnectionsConfig } from "../config.ts";
import type { SettingEntry } from "../format/broker_settings.ts";
import type { ConfigChange } from "../format/topic_config.ts";
import type { TopicDefinition } from "../log/catalogue.ts";
import type { CheckpointEntry } from "../log/keeper.ts";

/** What main knows of a partition's offsets; -1: nothing. */
export interface PartitionPoints {
  /** Everything below is on disk. */
  readonly recoveryPoint: number;
  readonly logStart: number;
}

/** A topic to open. */
export interface TopicStart extends TopicDefinition {
  /** By partition; of those that are not in it nothing is known. */
  readonly points: readonly PartitionPoints[];
  /** As in the catalogue. */
  readonly wasCompacted?: true;
}

/** What a shard needs to start. Descriptors are shared by all threads of the process. */
export interface ShardStart {
  readonly nodeId: number;
  readonly nodeEpoch: number;
  readonly version: string;
  readonly dataFd: number;
  /** The last stop was clean: files are believed. */
  readonly clean: boolean;
  readonly topics: readonly TopicStart[];
  readonly native: { readonly host: string; readonly port: number };
  /** Where clients reach that; undefined: there. */
  readonly nativeAdvertised: { readonly host: string; readonly port: number } | undefined;
  readonly connections: ConnectionsConfig;
  /** Descriptors the process may have. */
  readonly descriptorsMax: number;
  readonly coldReads: ColdReadsConfig;
  /** All settings of the broker, as describe_config gives them. */
  readonly settings: readonly SettingEntry[];
  /** Path of the Unix socket for control. */
  readonly socketPath: string;
  /** Memory of the ring to the background worker. */
  readonly jobs: SharedArrayBuffer;
  readonly sync: SyncStart;
}

/** First of all the shard hears that main has opened libc. */
export type ToShard = "libc_is_open" | ShardStart;

export interface BackgroundStart {
  readonly jobs: SharedArrayBuffer;
}

/** How the shard syncs (sync_method.ts). */
export interface SyncStart {
  readonly method: "aio" | "pool";
  /** One `syncfs` may stand for very many syncs. */
  readonly fileSystem: boolean;
  /** Memory of the rings to the workers that sync. */
  readonly rings: readonly SharedArrayBuffer[];
  /** As in the configuration, all below. */
  readonly fileSystemFilesMin: number;
  readonly waitShare: number;
  readonly writeAhead: boolean;
  readonly unsyncedBytesMax: number;
}

export interface SyncWorkerStart {
  readonly ring: SharedArrayBuffer;
}

/**
 * What a worker is to verify, and where it looks whether it is to end. After its first word it
 * says `VerifyEvent`s.
 */
export interface VerifyStart {
  /** Of the data directory. */
  readonly path: string;
  /** `orders-0`. */
  readonly partition: string;
  /** One int32: 1 when nobody wants to know any more. */
  readonly isCancelled: SharedArrayBuffer;
}

/** How far a start has come. */
export interface RecoveryProgress {
  readonly partitionsDone: number;
  readonly partitions: number;
  /** Bytes of logs that were read to see whether they are whole. */
  readonly scannedBytes: number;
}

export type ShardMessage =
  /** It has opened libc: the next thread may. */
  | { readonly kind: "libc_is_open" }
  | { readonly kind: "ready"; readonly host: string; readonly port: number }
  /** A start that takes long, and how far it is; before `ready`. */
  | ({ readonly kind: "recovering" } & RecoveryProgress)
  | { readonly kind: "trace"; readonly level: TraceLevel; readonly message: string }
  | { readonly kind: "create_topic"; readonly token: number; readonly topic: TopicDefinition }
  | { readonly kind: "delete_topic"; readonly token: number; readonly name: string }
  /** A block of producer ids is wanted. */
  | { readonly kind: "producer_ids" }
  | ({ readonly kind: "alter_config"; readonly token: number } & ConfigChange)
  | ({ readonly kind: "alter_topic"; readonly token: number; readonly name: string } & ConfigChange)
  | {
    readonly kind: "add_partitions";
    readonly token: number;
    readonly name: string;
    readonly partitions: number;
  }
  /** What is to be in the checkpoint files. For a log start that rises `log_start` comes back. */
  | { readonly kind: "checkpoint"; readonly entries: readonly CheckpointEntry[] }
  /** There is a job for the background worker, which has not been begun yet. */
  | { readonly kind: "background" }
  /** The disk was full or read-only, and is not any more. */
  | { readonly kind: "disk_ok" }
  /** It could not start; the message is for people. `intact`: no file is in doubt. */
  | { readonly kind: "refused"; readonly message: string; readonly intact: boolean }
  /**
   * `clean`: everything that was written is on disk, of every partition; `entries` says up to
   * where.
   */
  | {
    readonly kind: "stopped";
    readonly clean: boolean;
    readonly entries: readonly CheckpointEntry[];
  };
