/**
 * Names of files and directories, both ways. Segment files are named by the offset of their first
 * record in 20 digits, so that `ls` sorts like the log.
 *
 *     <data>/catalogue  .lock  .kafka_cleanshutdown  meta.properties  run/
 *     <data>/http-admin.token  http-read.token
 *     <data>/recovery-point-offset-checkpoint  log-start-offset-checkpoint  reserve
 *     <data>/unclean-stops
 *     <data>/orders-0/00000000000000000000.log  .index  .timeindex
 *     <data>/orders-0/00000000000000000042.snapshot  leader-epoch-checkpoint  partition.metadata
 *     <data>/orders-0.00112233445566778899aabbccddeeff-delete/    of a deleted topic
 *
 * Invariant: a name that a client chose becomes a path only through `partitionDirectory`, which
 * takes checked topic names.
 */

import { TOPIC_NAME_SIZE_MAX } from "../limits.ts";

export const CATALOGUE_FILE = "catalogue";
export const LOCK_FILE = ".lock";
export const CLEAN_STOP_FILE = ".kafka_cleanshutdown";
export const META_FILE = "meta.properties";
export const RUN_DIRECTORY = "run";
/** Credentials of the HTTP door: who has one may do everything, or read. */
export const ADMIN_TOKEN_FILE = "http-admin.token";
export const READ_TOKEN_FILE = "http-read.token";
/** One line per partition: everything below is on disk. */
export const RECOVERY_POINT_FILE = "recovery-point-offset-checkpoint";
/** One line per partition: its first offset. */
export const LOG_START_FILE = "log-start-offset-checkpoint";
/** Room that is given up when there is none for a small file. */
export const RESERVE_FILE = "reserve";
/** How many runs in a row ended without a clean stop, soon after they began to serve. */
export const UNCLEAN_STOPS_FILE = "unclean-stops";
/** A file being written; renamed when it is whole and synced, ignored and replaced otherwise. */
export const TEMPORARY_SUFFIX = ".tmp";

/** In a partition's directory: at which offset each epoch began. */
export const LEADER_EPOCH_FILE = "leader-epoch-checkpoint";
/** In a partition's directory: whose it is, by the topic's id. */
export const PARTITION_METADATA_FILE = "partition.metadata";

export const LOG_SUFFIX = ".log";
export const INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const SNAPSHOT_SUFFIX = ".snapshot";

/** Ends the name of a partition's directory whose topic is being deleted, as in Kafka. */
export const DELETED_SUFFIX = "-delete";

const SEGMENT_NAME = /^(\d{20})\.log$/;
const SNAPSHOT_NAME = /^(\d{20})\.snapshot$/;
const PARTITION_NAME = /^(.+)-(0|[1-9]\d{0,8})$/;
const TOPIC_NAME = /^[a-zA-Z0-9._-]+$/;

export function segmentFile(baseOffset: number): string {
  return offsetDigits(baseOffset) + LOG_SUFFIX;
}

export function indexFile(baseOffset: number): string {
  return offsetDigits(baseOffset) + INDEX_SUFFIX;
}

export function timeIndexFile(baseOffset: number): string {
  return offsetDigits(baseOffset) + TIME_INDEX_SUFFIX;
}

/** A snapshot is named by the first offset that is not in it. */
export function snapshotFile(offset: number): string {
  return offsetDigits(offset) + SNAPSHOT_SUFFIX;
}

/** The base offset in a segment's file name, or null when the name is not one. */
export function parseSegmentFile(name: string): number | null {
  return parseOffset(SEGMENT_NAME, name);
}

/** The offset in a snapshot's file name, or null when the name is not one. */
export function parseSnapshotFile(name: string): number | null {
  return parseOffset(SNAPSHOT_NAME, name);
}

function offsetDigits(offset: number): string {
  return String(offset).padStart(20, "0");
}

function parseOffset(pattern: RegExp, name: string): number | null {
  const offset = Number(pattern.exec(name)?.[1]);
  return Number.isSafeInteger(offset) ? offset : null;
}

export function partitionDirectory(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** A file system's limit for a name. */
const NAME_SIZE_MAX = 255;

/**
 * What a partition's directory is called while its topic is deleted. No partition's name ends
 * like this, and the id keeps two topics of one name apart. A long topic is cut, as Kafka does.
 */
export function deletedDirectory(topic: string, partition: number, topicId: string): string {
  const end = `-${partition}.${topicId.replaceAll("-", "")}${DELETED_SUFFIX}`;
  return topic.slice(0, NAME_SIZE_MAX - end.length) + end;
}

/** "orders-0" as topic and number; the number has no leading zeros. */
export function parsePartitionDirectory(name: string): { topic: string; partition: number } | null {
  const found = PARTITION_NAME.exec(name);
  if (found === null || !isTopicName(found[1]!)) return null;
  return { topic: found[1]!, partition: Number(found[2]) };
}

export function shardSocketFile(shard: number): string {
  return `shard-${shard}.sock`;
}

/** In the run directory: the HTTP door's. */
export const HTTP_SOCKET_FILE = "http.sock";

/** Kafka's rule, which also keeps a topic name from being a path. */
export function isTopicName(name: string): boolean {
  if (name.length === 0 || name.length > TOPIC_NAME_SIZE_MAX) return false;
  if (name === "." || name === "..") return false;
  return TOPIC_NAME.test(name);
}
