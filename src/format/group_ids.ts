/**
 * Names of groups, and which partition of `__consumer_offsets` holds a group: Kafka's rule, so that
 * a directory that Kafka wrote means the same here.
 */

import { GROUP_ID_SIZE_MAX } from "../limits.ts";

const encoder = new TextEncoder();

/** 1 to GROUP_ID_SIZE_MAX bytes of UTF-8. */
export function isGroupId(group: string): boolean {
  if (group.length === 0 || group.length > GROUP_ID_SIZE_MAX) return false;
  return encoder.encode(group).length <= GROUP_ID_SIZE_MAX;
}

/** The partition of a group: the absolute value of Java's hash of the name, by the remainder. */
export function groupPartition(group: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < group.length; i += 1) hash = (Math.imul(hash, 31) + group.charCodeAt(i)) | 0;
  return hash === -2147483648 ? 0 : Math.abs(hash) % partitions; // that one has no absolute value
}
