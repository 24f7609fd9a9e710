/**
 * A part of a disk, as people write it:
 *
 *     none    no bound          80%    of the whole disk, never of what is free
 *     4GiB    4294967296        KiB, MiB, GiB and TiB, or plain bytes
 */

import { GiB, KiB, MiB, TiB } from "./units.ts";

/** As a regular expression. */
export const DISK_SHARE = "^(?:none|([1-9]\\d?|100)%|([1-9]\\d{0,14})(KiB|MiB|GiB|TiB)?)$";
const SHARE = new RegExp(DISK_SHARE);
const UNITS: Readonly<Record<string, number>> = { KiB, MiB, GiB, TiB };

export const DISK_SHARE_FORMS = "none, a percentage of the disk (80%) or a size (4GiB)";

export function isDiskShare(text: string): boolean {
  return SHARE.test(text);
}

/** Bytes, of a disk of so many; Infinity: no bound. `text` is a share. */
export function shareBytes(text: string, diskBytes: number): number {
  const [, percent, count, unit] = SHARE.exec(text) ?? [];
  if (percent !== undefined) return Math.floor((diskBytes / 100) * Number(percent));
  if (count === undefined) return Infinity;
  return Number(count) * (unit === undefined ? 1 : UNITS[unit]!);
}
