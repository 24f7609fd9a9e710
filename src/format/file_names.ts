/**
 * Names of files and directories, both ways. Segment files are named by the offset of their first
 * record in 20 digits, so that `ls` sorts like the log.
 *
 *     <data>/catalogue  .lock  .kafka_cleanshutdown  meta.properties  run/
 *     <data>/orders-0/00000000000000000000.log  00000000000000000000.index
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
/** A file being written; renamed when it is whole and synced, ignored and replaced otherwise. */
export const TEMPORARY_SUFFIX = ".tmp";

export const LOG_SUFFIX = ".log";
export const INDEX_SUFFIX = ".index";

const SEGMENT_NAME = /^(\d{20})\.log$/;
const TOPIC_NAME = /^[a-zA-Z0-9._-]+$/;

export function segmentFile(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0") + LOG_SUFFIX;
}

export function indexFile(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0") + INDEX_SUFFIX;
}

/** The base offset in a segment's file name, or null when the name is not one. */
export function parseSegmentFile(name: string): number | null {
  const found = SEGMENT_NAME.exec(name);
  if (found === null) return null;
  const baseOffset = Number(found[1]);
  return Number.isSafeInteger(baseOffset) ? baseOffset : null;
}

export function partitionDirectory(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

export function shardSocketFile(shard: number): string {
  return `shard-${shard}.sock`;
}

/** Kafka's rule, which also keeps a topic name from being a path. */
export function isTopicName(name: string): boolean {
  if (name.length === 0 || name.length > TOPIC_NAME_SIZE_MAX) return false;
  if (name === "." || name === "..") return false;
  return TOPIC_NAME.test(name);
}
