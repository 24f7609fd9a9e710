/**
 * Committed offsets against kills and power cuts, in so many schedules; and the bugs planted in the
 * coordinator of groups that these schedules must find.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Place } from "./offsets_model.ts";
import { offsetsViolationOf, OffsetsWorld, violationIn } from "./offsets_world.ts";
import { figure } from "../support/figures.ts";
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
  {
    name: "a sync that failed is tried again, and believed",
    edits: [
      {
        file: "src/log/partition.ts",
        find: "    this.syncsPending -= 1;\n    if (result < 0) this.#break();\n",
        replace: "    this.syncsPending -= 1;\n" +
          "    if (result < 0) this.#syncing.copyFrom(this.durable);\n",
      },
      {
        file: "src/server/sync.ts",
        find: "    else if (result < 0) this.failure = ",
        replace: "    else if (result < -1000) this.failure = ",
      },
    ],
  },
  {
    name: "a commit that the disk refused is acknowledged",
    edits: [{
      file: "src/broker/group_offsets.ts",
      find: "    this.#settled(append.request, error, door);\n",
      replace: "    this.#settled(append.request, ErrorCodes.none, door);\n",
    }],
  },
  {
    name: "a commit that the disk refused is shown",
    edits: [{
      file: "src/broker/group_offsets.ts",
      find: "this.store.settle(record, isDurable);",
      replace: "this.store.settle(record, isDurable || record.commit !== null);",
    }],
  },
];

test("what groups were answered is there after every crash, or what came later", () => {
  const met: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const world = new OffsetsWorld(seed);
    const violation = violationIn(world, seed);
    assert.equal(violation, null, violation?.message ?? "");
    for (const [what, count] of Object.entries(world.met)) met[what] = (met[what] ?? 0) + count;
  }
  for (
    const what of [
      ...["answered", "refused", "refused by the disk", "loading", "topics changed"],
      ...["crashes", "crashes in a start", "ends by the disk", "starts that fail"],
    ]
  ) {
    assert.ok((met[what] ?? 0) >= 20, `${what}: ${met[what]}`);
  }
});

test("what a start has not found is gone, what the disk refused may be found by one", () => {
  const place = new Place("g", "t", 0);
  place.attempt(5).answered();
  place.attempt(9);
  place.attempt(12).refusal = "disk";
  assert.throws(() => place.shown(12), /O3: .* was refused/);
  place.shown(9);
  place.crashed();
  assert.throws(() => place.shown(5), /O1: .* is older/);
  place.shown(12);
  place.attempt(15);
  place.crashed();
  place.shown(12);
  assert.throws(() => place.shown(15), /O4: .* is back/);
});

for (const bug of BUGS) {
  test(`found: ${bug.name}`, async () => {
    const copy = await importFrom(plant(bug), "tests/sim/offsets_world.ts");
    const patched = copy as typeof import("./offsets_world.ts");
    let seed = 1;
    let found = patched.offsetsViolationOf(seed);
    while (seed < SEEDS_PLANTED && found === null) found = patched.offsetsViolationOf(++seed);
    assert.ok(found !== null, `not found in ${SEEDS_PLANTED} seeds`);
    assert.equal(offsetsViolationOf(seed), null, "and not without the bug");
    figure(`planted bug "${bug.name}": seed ${seed}, ${found.message}`);
  });
}
