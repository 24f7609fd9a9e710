/**
 * How many descriptors the process may have, and whether that is enough for what it serves.
 *
 *     partitions | open sealed segments | 64 spare | HTTP | connections: what is left
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  CONNECTIONS_MIN,
  DESCRIPTORS_SPARE,
  OPEN_SEALED_MAX,
  PARTITIONS_PER_SHARD_MAX,
} from "../limits.ts";

const LIMITS_FILE = "/proc/self/limits";
const LIMITS_SIZE = 4096;

/** The soft limit of open files; Infinity where there is none, or nobody says. */
export function readDescriptorsMax(libc: Libc): number {
  const fd = libc.openat(AT_FDCWD, LIMITS_FILE, O_RDONLY, 0);
  if (fd < 0) return Infinity;
  const block = libc.allocate(LIMITS_SIZE);
  const size = libc.read(fd, block, 0, block.size);
  libc.close(fd);
  const text = new TextDecoder().decode(block.bytes.slice(0, Math.max(0, size)));
  const found = /^Max open files\s+(\d+)/m.exec(text);
  return found === null ? Infinity : Number(found[1]);
}

/**
 * What the limit means for a broker of so many partitions: nothing, a warning, or no start.
 * `ofHttp`: connections that the HTTP door may have besides.
 */
export function judgeDescriptors(
  descriptorsMax: number,
  partitions: number,
  connections: number,
  ofHttp: number = 0,
): { level: "none" | "warning" | "error"; message: string } {
  const others = partitions + OPEN_SEALED_MAX + DESCRIPTORS_SPARE + ofHttp;
  const left = descriptorsMax - others;
  if (left >= connections) return { level: "none", message: "" };
  const advice = `the limit of open files is ${descriptorsMax}; ` +
    `${partitions} partitions and ${connections} connections need ${others + connections} ` +
    "(ulimit -n, LimitNOFILE)";
  if (left < CONNECTIONS_MIN) {
    const enough = `; ${others + CONNECTIONS_MIN} would do, for ${CONNECTIONS_MIN} connections`;
    return { level: "error", message: `too few descriptors: ${advice}${enough}` };
  }
  return { level: "warning", message: `${left} connections at the most: ${advice}` };
}

/** Partitions that the next start would serve, with room for the fewest connections. */
export function partitionsMax(descriptorsMax: number): number {
  const others = OPEN_SEALED_MAX + DESCRIPTORS_SPARE + CONNECTIONS_MIN;
  return Math.min(PARTITIONS_PER_SHARD_MAX, descriptorsMax - others);
}
