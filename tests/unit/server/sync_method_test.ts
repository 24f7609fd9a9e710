/** What a start finds out about syncs, on this machine and where AIO is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EAGAIN, EINVAL, ENOSYS, O_DIRECTORY, O_RDONLY } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { setTraceSink } from "../../../src/base/trace.ts";
import { parseConfig, type SyncConfig } from "../../../src/config.ts";
import { SYNC_WORKERS } from "../../../src/limits.ts";
import { planSyncs, type SyncPlan } from "../../../src/server/sync_method.ts";
import { FakeAio, libcWithAio } from "../../support/fake_aio.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

function plan(
  from: Libc,
  wanted: SyncConfig["method"],
  path: string = temporaryDirectory("method"),
): { plan: Omit<SyncPlan, "endTrial" | "manySyncs"> | string; told: string[] } {
  const told: string[] = [];
  setTraceSink((level, message) => told.push(`${level}: ${message}`));
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  const counted = new FaultyLibc(from);
  const made = planSyncs(counted.libc, fd, { ...parseConfig({}).sync, method: wanted });
  const plan = typeof made === "string" ? made : withoutTrial(made);
  assert.equal(counted.count("close"), counted.opened, "nothing stays open");
  libc.close(fd);
  return { plan, told };
}

function withoutTrial(
  { endTrial, manySyncs: _, ...plan }: SyncPlan,
): Omit<SyncPlan, "endTrial" | "manySyncs"> {
  endTrial();
  return plan;
}

function refusedAtSubmit(errno: number): Libc {
  const aio = new FakeAio(1024);
  aio.takes = -errno;
  return libcWithAio(aio);
}

test("AIO where it is taken, without a worker", () => {
  const { plan: made, told } = plan(libcWithAio(new FakeAio(1024)), "auto");
  assert.deepEqual(made, { method: "aio", fileSystem: false, workers: 0 });
  assert.deepEqual(told, ["info: syncs by AIO"]);
});

test("workers where AIO is refused, by io_setup or by io_submit; it is said", () => {
  for (const from of [libcWithAio(-ENOSYS), libcWithAio(-EAGAIN), refusedAtSubmit(EINVAL)]) {
    const { plan: made, told } = plan(from, "auto");
    assert.deepEqual(made, { method: "pool", fileSystem: false, workers: SYNC_WORKERS });
    assert.match(told.join(), /^warning: syncs by 4 workers, because AIO is refused \(E[A-Z]+/);
    const { plan: refused } = plan(from, "aio");
    assert.match(String(refused), /^sync\.method aio: AIO is refused here \(E[A-Z]+\)$/);
  }
});

test("workers where they are asked for: AIO is not even tried", () => {
  const { plan: made, told } = plan(libcWithAio(-ENOSYS), "pool");
  assert.deepEqual(made, { method: "pool", fileSystem: false, workers: SYNC_WORKERS });
  assert.deepEqual(told, ["info: syncs by 4 workers"]);
});

test("syncfs where it is asked for, or where the directory is a file system of its own", () => {
  const aio = libcWithAio(new FakeAio(1024));
  const expected = { method: "aio", fileSystem: true, workers: 1 };
  const asked = plan(aio, "filesystem");
  assert.deepEqual(asked.plan, expected);
  assert.match(asked.told.join(), /^info: syncs by AIO, and by syncfs from \d+ files on$/);
  assert.deepEqual(plan(aio, "auto", "/proc").plan, expected);
  const alone = { method: "aio", fileSystem: false, workers: 0 };
  assert.deepEqual(plan(aio, "aio", "/proc").plan, alone);
  const { plan: withoutAio } = plan(libcWithAio(-ENOSYS), "filesystem");
  assert.deepEqual(withoutAio, { method: "pool", fileSystem: true, workers: SYNC_WORKERS });
});
