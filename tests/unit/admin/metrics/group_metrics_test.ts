/** Metrics of groups: asked for in pieces, bounded, and nothing of what is not known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupFamilies } from "../../../../src/admin/metrics/group_metrics.ts";
import { Admin } from "../../../../src/client/admin.ts";
import type { AdminPort } from "../../../../src/client/admin_port.ts";
import { BrokerError } from "../../../../src/client/errors.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { GROUP_LAGS_AT_ONCE, GROUP_LAGS_MAX } from "../../../../src/limits.ts";

interface Group {
  readonly group: string;
  /** So many topics, of one partition each; null: it is not known when its lags are asked for. */
  readonly topics: number | null;
  readonly offsets: number;
}

/** Topic N of each group is N records and N seconds behind; of topic 3 the time is not known. */
function adminOf(groups: readonly Group[]): { admin: Admin; asked: string[][] } {
  const asked: string[][] = [];
  const answers: Readonly<Record<string, (values: never) => unknown>> = {
    "list_groups": () => ({ groups: groups.map((one) => ({ ...one, state: "empty" })) }),
    "group_lags": ({ groups: wanted }: { groups: { group: string }[] }) => {
      const names = wanted.map(({ group }) => group);
      asked.push(names);
      return { groups: names.map((name) => lagsOf(groups.find(({ group }) => group === name)!)) };
    },
  };
  const request = (name: string, values: never) => Promise.resolve(answers[name]!(values));
  return { admin: new Admin({ request } as unknown as AdminPort), asked };
}

function lagsOf({ topics }: Group): unknown {
  if (topics === null) return { error: ErrorCodes.group_loading, topics: [] };
  const lags = Array.from({ length: topics }, (_, index) => {
    return { topic: `t${index}`, lagRecords: index, lagMs: index === 3 ? -1 : index * 1000 };
  });
  return { error: 0, topics: lags };
}

function group(name: string, topics: number | null, offsets: number = topics ?? 1): Group {
  return { group: name, topics, offsets };
}

async function told(admin: Admin, limits?: { groups: number; topics: number }) {
  const families = await groupFamilies(admin, limits);
  return Object.fromEntries(families.map((family) => {
    assert.equal(family.type, "gauge");
    const samples = family.type === "gauge" ? family.samples : [];
    return [family.name, samples.map(({ labels, value }) => [...Object.values(labels), value])];
  }));
}

test("records and seconds by group and topic; a time that is not known is left out", async () => {
  const { admin } = adminOf([group("b", 4), group("gone", null), group("a", 1)]);
  assert.deepEqual(await told(admin), {
    "sluice_group_lag_records": [["a", "t0", 0], ...[0, 1, 2, 3].map((n) => ["b", `t${n}`, n])],
    "sluice_group_lag_seconds": [["a", "t0", 0], ...[0, 1, 2].map((n) => ["b", `t${n}`, n])],
    "sluice_groups_not_told": [[0]],
  });
});

test("the first groups by name, and of them as many as there is room for topics", async () => {
  const { admin, asked } = adminOf(["d", "c", "b", "a"].map((name) => group(name, 2)));
  const found = await told(admin, { groups: 3, topics: 4 });
  assert.deepEqual(asked, [["a", "b", "c"]]);
  const named = new Set(found["sluice_group_lag_records"]!.map(([name]) => name));
  assert.deepEqual([...named], ["a", "b"]);
  assert.deepEqual(found["sluice_groups_not_told"], [[2]]);
});

test("so few offsets at a time that no turn is long; a large group goes alone", async () => {
  const small = Array.from({ length: 9 }, (_, index) => group(`a${index}`, 1, 5));
  const { admin, asked } = adminOf([...small, group("b", 1, 5000), group("c", 1, 1)]);
  await told(admin);
  const sizes = asked.map((names) => names.length);
  assert.deepEqual(sizes, [2, 2, 2, 2, 1, 1, 1]);
  assert.ok(2 * 5 <= GROUP_LAGS_AT_ONCE && 3 * 5 > GROUP_LAGS_AT_ONCE);
  const empty = adminOf(Array.from({ length: 300 }, (_, index) => group(`${index}`, 1, 0)));
  await told(empty.admin, { groups: 300, topics: 1000 });
  assert.deepEqual(empty.asked.map((names) => names.length), [GROUP_LAGS_MAX, GROUP_LAGS_MAX, 44]);
});

test("while no list can be had nothing is told of groups", async () => {
  const request = () => Promise.reject(new BrokerError(ErrorCodes.group_loading));
  const found = await told(new Admin({ request } as unknown as AdminPort));
  assert.deepEqual(found["sluice_group_lag_records"], []);
});
