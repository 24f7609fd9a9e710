/**
 * Metrics of groups: how far each is behind in each topic. The first METRICS_GROUPS_MAX groups by
 * name, and the first METRICS_GROUP_TOPICS_MAX of their topics; of others it is told how many there
 * are. One group after the other is asked for, so that a look is never a burst for the shard.
 *
 * Invariant: a group that is not known for now (its offsets are being loaded, it was deleted) is
 * left out, and fails nothing else.
 */

import type { Admin } from "../../client/admin.ts";
import { BrokerError } from "../../client/errors.ts";
import {
  METRICS_GROUP_TOPICS_MAX,
  METRICS_GROUPS_MAX,
  METRICS_LAG_TIMES_MAX,
} from "../../limits.ts";
import { type GroupStand, standOf } from "../group_stand.ts";
import type { Family, Sample } from "./family.ts";

export interface GroupLimits {
  readonly groups: number;
  readonly topics: number;
}

const LIMITS: GroupLimits = { groups: METRICS_GROUPS_MAX, topics: METRICS_GROUP_TOPICS_MAX };

interface Lag {
  records: number;
  /** Null: not known of any partition. */
  ms: number | null;
}

export async function groupFamilies(
  admin: Admin,
  { groups: groupsMax, topics: topicsMax }: GroupLimits = LIMITS,
): Promise<Family[]> {
  const all = await known(() => admin.listGroups()) ?? [];
  const names = all.map(({ group }) => group).sort().slice(0, groupsMax);
  const records: Sample[] = [];
  const seconds: Sample[] = [];
  let hidden = all.length - names.length;
  for (const group of names) {
    const stand = await known(() => standOf(admin, group, undefined, METRICS_LAG_TIMES_MAX));
    if (stand === null) continue;
    const lags = lagsOf(stand);
    if (records.length + lags.size > topicsMax) {
      hidden += 1;
      continue;
    }
    for (const [topic, { records: behind, ms }] of lags) {
      const labels = { group, topic };
      records.push({ labels, value: behind });
      if (ms !== null) seconds.push({ labels, value: ms / 1000 });
    }
  }
  return familiesOf(records, seconds, hidden);
}

/** By topic: the sum of its partitions, and the longest time. */
function lagsOf({ offsets }: GroupStand): Map<string, Lag> {
  const lags = new Map<string, Lag>();
  for (const { topic, lagRecords, lagMs } of offsets) {
    if (lagRecords === null) continue; // the partition is no more
    const lag = lags.get(topic) ?? { records: 0, ms: null };
    lag.records += lagRecords;
    if (lagMs !== null) lag.ms = Math.max(lag.ms ?? 0, lagMs);
    lags.set(topic, lag);
  }
  return lags;
}

function familiesOf(
  records: readonly Sample[],
  seconds: readonly Sample[],
  hidden: number,
): Family[] {
  return [
    {
      type: "gauge",
      name: "sluice_group_lag_records",
      help: "Records that a group has not read, by topic.",
      samples: records,
    },
    {
      type: "gauge",
      name: "sluice_group_lag_seconds",
      help: "Between the first record that a group has not read and the newest one, by topic: " +
        "the longest of its partitions.",
      samples: seconds,
    },
    {
      type: "gauge",
      name: "sluice_groups_not_told",
      help: "Groups whose lag is not told here, because there are so many.",
      samples: [{ labels: {}, value: hidden }],
    },
  ];
}

/** Null: the broker does not say it for now. */
async function known<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}
