/**
 * Metrics of groups: how far each is behind in each topic. The first METRICS_GROUPS_MAX groups by
 * name, and the first METRICS_GROUP_TOPICS_MAX of their topics; of others it is told how many there
 * are. The shard reckons, of a few groups at a time, so that a look is never a burst for it.
 *
 * Invariant: a group that is not known for now (its offsets are being loaded, it was deleted) is
 * left out, and fails nothing else.
 */

import type { Admin } from "../../client/admin.ts";
import { BrokerError } from "../../client/errors.ts";
import { METRICS_GROUP_TOPICS_MAX, METRICS_GROUPS_MAX } from "../../limits.ts";
import type { Family, Sample } from "./family.ts";

export interface GroupLimits {
  readonly groups: number;
  readonly topics: number;
}

const LIMITS: GroupLimits = { groups: METRICS_GROUPS_MAX, topics: METRICS_GROUP_TOPICS_MAX };

export async function groupFamilies(
  admin: Admin,
  { groups: groupsMax, topics: topicsMax }: GroupLimits = LIMITS,
): Promise<Family[]> {
  const all = await known(() => admin.listGroups()) ?? [];
  const told = all.sort((a, b) => (a.group < b.group ? -1 : 1)).slice(0, groupsMax);
  const lags = await admin.groupLags(told);
  const records: Sample[] = [];
  const seconds: Sample[] = [];
  let hidden = all.length - told.length;
  for (const { group } of told) {
    const topics = lags.get(group);
    if (topics === undefined) continue;
    if (records.length + topics.length > topicsMax) {
      hidden += 1;
      continue;
    }
    for (const { topic, lagRecords, lagMs } of topics) {
      const labels = { group, topic };
      records.push({ labels, value: lagRecords });
      if (lagMs >= 0) seconds.push({ labels, value: lagMs / 1000 });
    }
  }
  return familiesOf(records, seconds, hidden);
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
