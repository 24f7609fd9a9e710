/**
 * Committed offsets against kills and power cuts, in so many schedules; and the bugs planted in the
 * coordinator of groups that these schedules must find.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetsViolationOf, OffsetsWorld } from "./offsets_world.ts";
import { importFrom, plant } from "./planted.ts";
import type { PlantedBug } from "./planted_bugs.ts";

const SEEDS = 80;
/** In so many a planted bug must show. */
const SEEDS_PLANTED = 300;

const BUGS: readonly PlantedBug[] = [
  {
    name: "commit acknowledged before the sync",
    edits: [{
      file: "src/broker/group_offsets.ts",
      find: "    partition.durableWaiters.push(COORDINATOR_SLOT,",
      replace: "    partition.writtenWaiters.push(COORDINATOR_SLOT,",
    }],
  },
  {
    name: "a load takes an older commit over a newer one",
    edits: [{
      file: "src/broker/offset_load.ts",
      find: "    this.#store.load(record);\n",
      replace: "    const known = this.#store.groups.get(record.group);\n" +
        "    if (known?.get(record.topic, record.partition) !== undefined) return;\n" +
        "    this.#store.load(record);\n",
    }],
  },
  {
    name: "a load passes over tombstones",
    edits: [{
      file: "src/broker/offset_load.ts",
      find: "    this.#stale.delete(keyOf(record));\n",
      replace: "    if (record.commit === null) return;\n    this.#stale.delete(keyOf(record));\n",
    }],
  },
  {
    name: "a new topic has the offsets of the old one of its name",
    edits: [{
      file: "src/broker/offset_load.ts",
      find: 'return topicId === "" || topicId === topic.topicId;',
      replace: "return topicId.length + topic.topicId.length >= 0;",
    }],
  },
  {
    name: "a fetch shows what is not durable",
    edits: [{
      file: "src/broker/offset_store.ts",
      find: "    entry.staged = record;\n",
      replace: "    entry.staged = record;\n    entry.durable = record.commit ?? entry.durable;\n",
    }],
  },
  {
    name: "a deletion misses what is on its way",
    edits: [{
      file: "src/broker/offset_store.ts",
      find: "      for (const partition of entries.keys()) {\n",
      replace: "      for (const [partition, { durable }] of entries) {\n" +
        "        if (durable === null) continue;\n",
    }],
  },
  {
    name: "a tombstone that is owed comes behind a commit",
    edits: [{
      file: "src/broker/group_offsets.ts",
      find: "    if (this.#loads.has(partition.index)) return ErrorCodes.group_loading;\n",
      replace: "",
    }],
  },
];

test("what groups were answered is there after every crash, or what came later", () => {
  const met: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const violation = offsetsViolationOf(seed);
    assert.equal(violation, null, violation?.message ?? "");
  }
  for (let seed = 1; seed <= 20; seed += 1) {
    const world = new OffsetsWorld(seed);
    world.run();
    for (const [what, count] of Object.entries(world.met)) met[what] = (met[what] ?? 0) + count;
  }
  for (const what of ["answered", "refused", "loading", "crashes", "crashes in a start"]) {
    assert.ok((met[what] ?? 0) >= 20, `${what}: ${met[what]}`);
  }
  assert.ok(met["topics changed"]! >= 20);
});

for (const bug of BUGS) {
  test(`found: ${bug.name}`, async () => {
    const copy = await importFrom(plant(bug), "tests/sim/offsets_world.ts");
    const patched = copy as typeof import("./offsets_world.ts");
    let seed = 1;
    while (seed <= SEEDS_PLANTED && patched.offsetsViolationOf(seed) === null) seed += 1;
    assert.ok(seed <= SEEDS_PLANTED, `not found in ${SEEDS_PLANTED} seeds`);
    assert.equal(offsetsViolationOf(seed), null, "and not without the bug");
  });
}
