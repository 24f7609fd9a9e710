/**
 * How much of a disk stays free, by its size.
 *
 *     0 -- reserve -- low ------ high --------------------- total     bytes that are available
 *                      |           appending goes on
 *                      appending stops
 *
 * Invariant: the reserve can be made again at `high` without leading below `low`.
 */

import {
  DISK_LOW_BYTES_MAX,
  DISK_LOW_DIVISOR,
  RESERVE_BYTES_MAX,
  RESERVE_DIVISOR,
} from "../limits.ts";

/** Below so many available bytes nothing is appended. */
export function lowBytes(totalBytes: number): number {
  return Math.min(DISK_LOW_BYTES_MAX, Math.floor(totalBytes / DISK_LOW_DIVISOR));
}

/** From so many on it goes on. */
export function highBytes(totalBytes: number): number {
  const low = lowBytes(totalBytes);
  return low + Math.ceil(low / 4) + reserveBytes(totalBytes);
}

/** Size of the reserve. */
export function reserveBytes(totalBytes: number): number {
  return Math.min(RESERVE_BYTES_MAX, Math.floor(totalBytes / RESERVE_DIVISOR));
}
