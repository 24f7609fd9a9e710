/** Partitions opened beside each other: what is synced when, what is spared, what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import { StorageError } from "../../../src/log/files.ts";
import { openPartitions } from "../../../src/log/open_partitions.ts";
import { PartitionKind, type RecoveryOptions, UNKNOWN } from "../../../src/log/opened_log.ts";
import type { ManySyncs } from "../../../src/log/sync_group.ts";
import { batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

const NAMES = ["a-0", "a-1", "a-2"];
const FIRST = "00000000000000000000.log";
const EPOCHS = "leader-epoch-checkpoint";

function options(directory: string, how: Partial<RecoveryOptions> = {}): RecoveryOptions {
  return {
    directory,
    config: defaultTopicConfig(),
    kind: PartitionKind.own,
    leaderEpoch: 1,
    clean: false,
    recoveryPoint: UNKNOWN,
    logStart: UNKNOWN,
    progress: () => {},
    ...how,
  };
}

/** Three partitions with a batch each, killed. Its root. */
function killed(): string {
  const world = new LogWorld();
  for (const { partition } of openPartitions(world.store, NAMES.map((name) => options(name)))) {
    world.append(partition, batchOfSize(300));
    partition.active.file!.release();
  }
  world.end();
  return world.root;
}

/** Remembers how many files came at once; the `failing`-th of all (from 0) is refused. */
class Counting implements ManySyncs {
  readonly groups: number[] = [];
  readonly #failing: number;
  #seen = 0;

  constructor(failing: number = -1) {
    this.#failing = failing;
  }

  sync(fds: readonly number[], results: number[]): void {
    this.groups.push(fds.length);
    fds.forEach((_, i) => results[i] = this.#seen + i === this.#failing ? -EIO : 0);
    this.#seen += fds.length;
  }
}

function closeAll(world: LogWorld, opened: ReturnType<typeof openPartitions>): void {
  for (const { partition } of opened) partition.active.file!.release();
  world.end();
}

test("after a kill: the ends, then lines of the new epoch, then directories, each at once", () => {
  const world = new LogWorld({ root: killed() });
  const syncs = new Counting();
  const wanted = NAMES.map((name) => options(name, { leaderEpoch: 2 }));
  const opened = openPartitions(world.store, wanted, syncs);
  assert.deepEqual(syncs.groups, [3, 3, 3]);
  assert.deepEqual(opened.map(({ partition }) => partition.directory), NAMES);
  for (const { partition, report } of opened) {
    assert.equal(partition.written.offset, 1);
    assert.equal(report.bytesScanned, 300);
    const line = readFileSync(join(world.root, partition.directory, EPOCHS), "latin1");
    assert.equal(line, "0\n2\n1 0\n2 1\n");
  }
  closeAll(world, opened);
});

test("the end of a log is synced also at its recovery point: a cut may have made it", () => {
  const world = new LogWorld({ root: killed() });
  const syncs = new Counting();
  const points = [1, 0, UNKNOWN];
  const wanted = NAMES.map((name, i) => {
    return options(name, { leaderEpoch: 2, recoveryPoint: points[i]! });
  });
  const opened = openPartitions(world.store, wanted, syncs);
  assert.deepEqual(syncs.groups, [3, 3, 3]);
  for (const { partition } of opened) assert.equal(partition.written.offset, 1);
  closeAll(world, opened);
});

test("one byte more than the recovery point knows is cut", () => {
  const world = new LogWorld({ root: killed() });
  const before = readFileSync(join(world.root, "a-0", FIRST));
  new LogWorld({ root: world.root, directory: "a-0" }).write(
    FIRST,
    new Uint8Array([...before, 7]),
  );
  const syncs = new Counting();
  const wanted = [options("a-0", { leaderEpoch: 2, recoveryPoint: 1 })];
  const opened = openPartitions(world.store, wanted, syncs);
  assert.deepEqual(syncs.groups, [1, 2, 1], "the end; its cut and the line; the directory");
  assert.equal(opened[0]!.report.bytesDropped, 1);
  assert.deepEqual(readFileSync(join(world.root, "a-0", FIRST)), before);
  closeAll(world, opened);
});

test("after a clean stop nothing is synced", () => {
  const world = new LogWorld({ root: killed() });
  const syncs = new Counting();
  const wanted = NAMES.map((name) => options(name, { clean: true, recoveryPoint: 1 }));
  const opened = openPartitions(world.store, wanted, syncs);
  assert.deepEqual(syncs.groups, []);
  closeAll(world, opened);
});

test("an end, a cut or a directory that is refused lets all of them go", () => {
  for (const [failing, what] of [[1, /a-1: sync .*\.log/], [7, /sync directory a-1/]] as const) {
    const faulty = new FaultyLibc(libcWithoutSyncs);
    const world = new LogWorld({ root: killed(), libc: faulty.libc });
    const isOpen = () => faulty.opened - faulty.count("close");
    const before = isOpen();
    const wanted = NAMES.map((name) => options(name, { leaderEpoch: 2 }));
    const isRefused = (error: unknown) => error instanceof StorageError && what.test(`${error}`);
    assert.throws(() => openPartitions(world.store, wanted, new Counting(failing)), isRefused);
    assert.equal(isOpen(), before, "nothing stays open");
    world.end();
  }
});

test("a line that is refused is written by the first append, the others are there", () => {
  const world = new LogWorld({ root: killed() });
  const wanted = NAMES.map((name) => options(name, { leaderEpoch: 2 }));
  const opened = openPartitions(world.store, wanted, new Counting(4));
  const latest = opened.map(({ partition }) => partition.epochs.latest);
  assert.deepEqual(latest, [2, 1, 2]);
  const text = (name: string) => readFileSync(join(world.root, name, EPOCHS), "latin1");
  assert.deepEqual(NAMES.map(text), ["0\n2\n1 0\n2 1\n", "0\n1\n1 0\n", "0\n2\n1 0\n2 1\n"]);
  world.append(opened[1]!.partition, batchOfSize(100));
  assert.equal(text("a-1"), "0\n2\n1 0\n2 1\n");
  closeAll(world, opened);
});
