/** Every counter of `stats` is told under a name of its own, or left out for a reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LEFT_OUT, nodeFamilies, ROWS } from "../../../../src/admin/metrics/node_metrics.ts";
import { NodeWorld } from "../../../support/node_world.ts";

const world = new NodeWorld();
const counters = world.node.door.server.counters();
const histograms = world.node.door.server.histograms().map(({ values, ...named }) => {
  const { count, sum, max } = values;
  return { ...named, count, sum, max, buckets: values.buckets() };
});
world.end();

const told = new Set(ROWS.flatMap(({ of }) => of.map(([stat]) => stat)));

test("no counter is forgotten, and none is told twice", () => {
  const leftOut = (name: string) => Object.values(LEFT_OUT).some((names) => names.test(name));
  for (const { name } of counters) {
    assert.notEqual(told.has(name), leftOut(name), `${name}: told, or left out`);
  }
  const known = new Set(counters.map(({ name }) => name));
  const unknown = [...told].filter((name) => !known.has(name));
  // Only one of the runtimes tells of collections.
  assert.deepEqual(unknown.filter((name) => !name.startsWith("collections_")), []);
  assert.equal(told.size, ROWS.flatMap(({ of }) => of).length);
});

test("names keep to Prometheus' rules", () => {
  const families = nodeFamilies(counters, histograms);
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
  for (const { name, help, type } of families) {
    assert.match(name, /^(sluice|process)_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.doesNotMatch(name, /_(ms|us|kb|mb)(_|$)/, "base units");
    assert.match(help, /^.+\.$/, name);
  }
});

test("values are those of stats, in base units", () => {
  const some = [
    { name: "process_cpu_ms_total", value: 1230 },
    { name: "syncs_aio_total", value: 7 },
    { name: "disk_state", value: 2 },
  ];
  const lines = nodeFamilies(some, []).flatMap((family) => {
    if (family.type === "histogram") return [];
    return family.samples.map(({ labels, value }) => {
      return `${family.name} ${Object.values(labels).join()} ${value}`;
    });
  });
  assert.deepEqual(lines, [
    "process_cpu_seconds_total  1.23",
    "sluice_syncs_total aio 7",
    "sluice_disk_state ok 0",
    "sluice_disk_state full 0",
    "sluice_disk_state read-only 1",
  ]);
});
