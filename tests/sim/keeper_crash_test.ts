/**
 * The keeper cut off at every call (keeper_crash.ts), and bugs planted in it that this must find.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopicEntry } from "../../src/log/catalogue.ts";
import { SerialSyncs } from "../../src/log/sync_group.ts";
import { makeDirectories } from "../../src/log/topic_directories.ts";
import {
  check,
  crashes,
  keeperViolation,
  makeDisk,
  Process,
  script,
  sweep,
  sweepUndoing,
  Told,
} from "./keeper_crash.ts";
import type * as keeperCrash from "./keeper_crash.ts";
import { importFrom, plant } from "./planted.ts";
import { KEEPER_BUGS } from "./planted_bugs.ts";

for (const kind of ["kill", "power"] as const) {
  test(`${kind} at every call of creating, changing, checkpointing and deleting`, () => {
    const calls = sweep(kind, 6);
    assert.ok(calls > 300, `${calls} calls`);
  });

  test(`${kind} at every call of the start after a ${kind}`, () => {
    for (let n = 7; n < 700; n += 11) {
      for (let m = 1;; m += 1) {
        const disk = makeDisk(1000 * n + m);
        const told = new Told();
        if (!crashes(disk, n, kind, (libc) => script(told, libc))) break;
        const crashed = crashes(disk, m, kind, (libc) => void new Process(libc));
        check(told, disk, `${kind} at calls ${n} and ${m}`);
        if (!crashed) break;
      }
    }
  });
}

test("a growth that is undone is undone before the catalogue forgets it", sweepUndoing);

test("a creation that is undone is undone before the catalogue forgets it", () => {
  let crashed = true;
  for (let m = 1; crashed; m += 1) {
    for (let seed = 0; seed < 24; seed += 1) {
      const disk = makeDisk(100 * m + seed);
      const { keeper, directory } = new Process(disk);
      const entry = keeper.beginCreate({ name: "b", partitions: 2, config: [] });
      makeDirectories(disk, directory.fd, entry as TopicEntry, 0, new SerialSyncs(disk));
      disk.crash("power");
      crashed = crashes(disk, m, "power", (libc) => void new Process(libc));
      check(new Told(), disk, `at call ${m}, seed ${seed}`);
    }
  }
});

for (const bug of KEEPER_BUGS) {
  test(`found in the keeper: ${bug.name}`, async () => {
    const copy = await importFrom(plant(bug), "tests/sim/keeper_crash.ts") as typeof keeperCrash;
    assert.match(copy.keeperViolation(), bug.words);
  });
}

test("without a planted bug nothing is found", () => assert.equal(keeperViolation(), ""));
