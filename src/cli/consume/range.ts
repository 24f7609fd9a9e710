/** From where to where a partition is read: places on the command line become offsets. */

import type { Admin } from "../../client/admin.ts";
import type { Place } from "../values.ts";

export interface Ends {
  readonly logStart: number;
  readonly visibleEnd: number;
}

export interface Range {
  readonly from: number;
  /** Not read any more; Infinity: whatever comes. */
  readonly to: number;
}

export interface RangeWanted {
  readonly topic: string;
  readonly partition: number;
  readonly from: Place;
  /** Undefined: the end that is visible now, or none when following. */
  readonly until: Place | undefined;
  readonly follow: boolean;
}

export async function rangeOf(wanted: RangeWanted, ends: Ends, admin: Admin): Promise<Range> {
  const offsetOf = async (place: Place): Promise<number> => {
    if (typeof place !== "object") return offsetAt(place, ends);
    const timeMs = "agoMs" in place ? Date.now() - place.agoMs : place.timeMs;
    return (await admin.offsetForTime(wanted.topic, wanted.partition, timeMs)).offset;
  };
  const from = await offsetOf(wanted.from);
  if (wanted.until === undefined) return { from, to: wanted.follow ? Infinity : ends.visibleEnd };
  const to = await offsetOf(wanted.until);
  return { from, to: wanted.follow ? to : Math.min(to, Math.max(from, ends.visibleEnd)) };
}

/** The offset that a place names without asking. */
export function offsetAt(place: Exclude<Place, object>, ends: Ends): number {
  if (place === "beginning") return ends.logStart;
  return place === "end" ? ends.visibleEnd : place;
}
