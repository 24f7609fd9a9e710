/**
 * Whether offsets that are missing from a log may be missing.
 *
 *     none        Sluice's own log: its offsets are dense
 *     compacted   of a topic that is or was compacted: below the recovery point
 *     anywhere    Kafka's directory, whose settings are not here; or no recovery point is known
 *
 * Invariant: says "missing" where recovery does, which then serves the partition as degraded
 * (below the recovery point) or cuts the log (above).
 */

import { parseTopicConfig } from "../format/topic_config.ts";
import type { CatalogueContent } from "../log/catalogue.ts";
import type { Gap } from "./log_scan.ts";

export type GapsAllowed = "none" | "compacted" | "anywhere";

export interface GapRules {
  readonly allowed: GapsAllowed;
  /** Offset below which everything was on disk: Infinity after a clean stop, 0 unknown. */
  readonly durable: number;
  /** First offset that anybody may read. */
  readonly logStart: number;
}

/** What the catalogue says of the topic; without one the directory is Kafka's. */
export function gapsAllowed(
  catalogue: CatalogueContent | null,
  topic: string,
  isRecoveryPointKnown: boolean,
): GapsAllowed {
  const entry = catalogue?.topics.find(({ name }) => name === topic);
  if (entry === undefined) return "anywhere";
  const config = parseTopicConfig(entry.config);
  const isCompacted = typeof config !== "string" && config.cleanupCompact;
  if (!isCompacted && entry.wasCompacted !== true) return "none";
  return isRecoveryPointKnown ? "compacted" : "anywhere";
}

/** The offsets of a gap that should be there, or null. */
export function missingIn(gap: Gap, rules: GapRules): { first: number; last: number } | null {
  const { allowed, durable, logStart } = rules;
  if (allowed === "anywhere" || gap.lastOffset < logStart) return null;
  if (allowed === "compacted" && gap.firstOffset < durable) return null;
  return { first: Math.max(gap.firstOffset, logStart), last: gap.lastOffset };
}
