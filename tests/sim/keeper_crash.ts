/**
 * Topics come and go, and the process ends at every call that it makes, by a kill or a power cut:
 * each arrow of log/keeper.ts, cut off anywhere. The next start is cut off too.
 *
 *     create a, b -> checkpoints -> alter b, grow b -> delete a -> create a anew -> checkpoint
 *     -> delete both; and blocks of producer ids in between
 *
 * After each: the directory opens, nothing is of nobody, nothing lies around, a topic that was
 * answered is there or (deleted) is not, offsets are those that were reported of this very topic,
 * and a new topic of an old name has none.
 */
import assert from "node:assert/strict";
import { PRODUCER_ID_BLOCK } from "../../src/limits.ts";
import { AT_FDCWD, O_CREAT, O_RDWR } from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc } from "../../ffi/libc.ts";
import type { TopicEntry } from "../../src/log/catalogue.ts";
import { DataDirectory } from "../../src/log/data_directory.ts";
import { must, openDirectory, syncDirectory } from "../../src/log/files.ts";
import { type CheckpointEntry, Keeper } from "../../src/log/keeper.ts";
import { SerialSyncs } from "../../src/log/sync_group.ts";
import { directoriesOf, makeDirectories } from "../../src/log/topic_directories.ts";
import { CrashPoint, FaultyLibc } from "./faulty_libc.ts";
import { type CrashKind, SimLibc } from "./sim_libc.ts";

const DATA = "/data";

/** What the script has been told so far, and what it was about to ask. */
export class Told {
  /** Topics that were answered as created and not asked to be deleted, by name. */
  readonly created: Map<string, string> = new Map();
  /** Ids of topics whose deletion was answered. */
  readonly deleted: Set<string> = new Set();
  /** Partitions and retention that were answered and those that were asked for, by topic id. */
  readonly sizes: Map<string, number[]> = new Map();
  readonly retentions: Map<string, string[]> = new Map();
  /** Above every producer id that was given to a shard. */
  producerIds = 0;
  /** Log starts that were answered, by topic id. */
  readonly logStarts: Map<string, number> = new Map();
  /** Recovery points that were reported, by topic id. */
  readonly reported: Map<string, number[]> = new Map();
}

export class Process {
  readonly libc: Libc;
  readonly directory: DataDirectory;
  readonly keeper: Keeper;
  readonly unknown: string[];

  /** A start, with everything that it finishes. */
  constructor(libc: Libc) {
    this.libc = libc;
    this.directory = DataDirectory.open(libc, DATA, true);
    this.keeper = new Keeper(this.directory, libc);
    this.unknown = this.keeper.reconcile();
    for (const topicId of this.keeper.deletions) this.keeper.finishDelete(topicId);
  }

  /** As the control plane does it, with a shard that writes a file. */
  create(told: Told, name: string, partitions: number): string {
    const entry = this.keeper.beginCreate({ name, partitions, config: [] });
    assert.ok("topicId" in entry, JSON.stringify(entry));
    this.keeper.finishCreate(name);
    for (const directory of directoriesOf(entry)) {
      const path = `${DATA}/${directory}`;
      const fd = must(this.libc.openat(AT_FDCWD, `${path}/0.log`, O_RDWR | O_CREAT, 0o640), "open");
      this.libc.close(fd);
      syncDirectory(this.libc, AT_FDCWD, path);
    }
    told.created.set(name, entry.topicId);
    told.sizes.set(entry.topicId, [partitions]);
    told.retentions.set(entry.topicId, [""]);
    return entry.topicId;
  }

  grow(told: Told, name: string, topicId: string, partitions: number): void {
    told.sizes.get(topicId)!.push(partitions);
    const begun = this.keeper.beginGrow(name, partitions);
    assert.ok("topicId" in begun, JSON.stringify(begun));
    this.keeper.finishGrow(name);
    told.sizes.set(topicId, [partitions]);
  }

  alter(told: Told, name: string, topicId: string, retention: string): void {
    told.retentions.get(topicId)!.push(retention);
    const set = [{ key: "retention.ms", value: retention }];
    const altered = this.keeper.alterTopic(name, { set, unset: [] });
    assert.ok("topicId" in altered, JSON.stringify(altered));
    told.retentions.set(topicId, [retention]);
  }

  checkpoint(told: Told, topic: string, topicId: string, offset: number): void {
    const entry = { topic, topicId, partition: 0, recoveryPoint: offset, logStart: offset / 2 };
    told.reported.set(topicId, [...told.reported.get(topicId) ?? [], offset]);
    this.keeper.checkpoint([entry as CheckpointEntry]);
    told.logStarts.set(topicId, offset / 2);
  }

  takeProducerIds(told: Told): void {
    const first = this.keeper.takeProducerIds();
    assert.ok(first >= told.producerIds, "ids are given once");
    told.producerIds = first + PRODUCER_ID_BLOCK;
  }

  delete(told: Told, name: string): void {
    told.created.delete(name);
    const entry = this.keeper.beginDelete(name);
    assert.ok(entry !== null);
    this.keeper.renameDeleted(entry.topicId);
    told.deleted.add(entry.topicId);
    this.keeper.finishDelete(entry.topicId);
  }
}

/** A topic that was answered is used. */
const USED = "0.log";

/** What a shard finds, so that it need not wait for a disk. */
const FIRST_FILES = ["00000000000000000000.log", "leader-epoch-checkpoint", "partition.metadata"];

export function script(told: Told, libc: Libc): void {
  const broker = new Process(libc);
  const first = broker.create(told, "a", 2);
  const other = broker.create(told, "b", 1);
  broker.checkpoint(told, "a", first, 1000);
  broker.checkpoint(told, "b", other, 20);
  broker.checkpoint(told, "a", first, 2000);
  broker.alter(told, "b", other, "7");
  broker.grow(told, "b", other, 3);
  broker.alter(told, "b", other, "8");
  broker.grow(told, "b", other, 4);
  broker.takeProducerIds(told);
  broker.delete(told, "a");
  broker.takeProducerIds(told);
  const second = broker.create(told, "a", 1);
  broker.checkpoint(told, "a", first, 3000); // what was on its way is of the old one
  broker.checkpoint(told, "a", second, 4);
  broker.delete(told, "a");
  broker.delete(told, "b");
  broker.directory.closeClean();
}

/** The world after a crash, as the next start makes it. */
export function check(told: Told, libc: SimLibc, label: string): void {
  const { keeper, directory, unknown } = new Process(libc);
  assert.deepEqual(unknown, [], `${label}: directories of no topic`);
  assert.deepEqual(directory.catalogue.deletions, [], label);
  const topics = new Map(keeper.topics.map((topic) => [topic.name, topic]));
  assert.ok(directory.catalogue.nextProducerId >= told.producerIds, `${label}: ids given twice`);
  assert.equal(topics.size, directory.catalogue.topics.length, `${label}: none is being created`);
  for (const [name, topicId] of told.created) {
    assert.equal(topics.get(name)?.topicId, topicId, `${label}: ${name} was answered`);
  }
  for (const { name, topicId } of topics.values()) {
    assert.ok(!told.deleted.has(topicId), `${label}: ${name} was answered as deleted`);
  }
  for (const { name, topicId, partitions, config, growingTo } of topics.values()) {
    const sizes = told.sizes.get(topicId) ?? [partitions];
    assert.ok(sizes.includes(partitions), `${label}: ${name} has ${partitions} of ${sizes}`);
    assert.equal(growingTo, undefined, `${label}: ${name} is growing`);
    const retention = config[0]?.value ?? "";
    const wanted = told.retentions.get(topicId) ?? [retention];
    assert.ok(wanted.includes(retention), `${label}: ${name} keeps ${retention} of ${wanted}`);
  }
  const expected = ["catalogue", ".lock", "meta.properties"];
  for (const topic of topics.values()) {
    expected.push(...directoriesOf(topic));
    for (const path of directoriesOf(topic)) {
      const made = names(libc, `${DATA}/${path}`).filter((name) => name !== USED).sort();
      assert.deepEqual(made, FIRST_FILES, `${label}: ${path}`);
    }
    const point = keeper.recoveryPoint(topic.name, 0);
    const reported = told.reported.get(topic.topicId) ?? [];
    assert.ok(point === -1 || reported.includes(point), `${label}: ${topic.name} ${point}`);
    const logStart = told.logStarts.get(topic.topicId) ?? -1;
    assert.ok(keeper.logStart(topic.name, 0) >= logStart, `${label}: a log start was answered`);
  }
  for (const name of names(libc, DATA)) {
    const isKnown = expected.includes(name) || /-offset-checkpoint$|\.tmp$/.test(name);
    assert.ok(isKnown, `${label}: ${name} lies around`);
  }
  if (!topics.has("a")) checkSuccessor(libc, keeper, label);
}

/** A new topic of a name that was deleted begins without the offsets of the old one. */
function checkSuccessor(libc: SimLibc, keeper: Keeper, label: string): void {
  const entry = keeper.beginCreate({ name: "a", partitions: 2, config: [] });
  assert.ok("topicId" in entry, label);
  keeper.finishCreate("a");
  libc.crash("power");
  const again = new Process(libc).keeper;
  assert.deepEqual(again.topics.find(({ name }) => name === "a")?.topicId, entry.topicId, label);
  const points = [0, 1].map((n) => [again.recoveryPoint("a", n), again.logStart("a", n)]);
  assert.deepEqual(points, [[-1, -1], [-1, -1]], label);
}

function names(libc: Libc, path: string): string[] {
  const fd = must(openDirectory(libc, AT_FDCWD, path), path);
  const entries: DirectoryEntry[] = [];
  must(libc.readDirectory(fd, entries), path);
  libc.close(fd);
  return entries.map(({ name }) => name);
}

export function makeDisk(seed: number): SimLibc {
  const metadata = (["unordered", "ordered", "journal"] as const)[seed % 3]!;
  const libc = new SimLibc({ seed, diskOptions: { metadata } });
  libc.mkdirat(AT_FDCWD, DATA, 0o755);
  syncDirectory(libc, AT_FDCWD, "/");
  return libc;
}

/** Runs `work` until its n-th call. False when it came to its end. */
export function crashes(
  inner: SimLibc,
  n: number,
  kind: CrashKind,
  work: (libc: Libc) => void,
): boolean {
  const faulty = new FaultyLibc(inner);
  faulty.crashAt = n;
  let crashed = false;
  try {
    work(faulty);
  } catch (error) {
    if (!(error instanceof CrashPoint)) throw error;
    crashed = true;
  }
  inner.crash(kind);
  return crashed;
}

const KINDS = ["kill", "power"] as const;

/**
 * Cuts the script and the starts after it at every call of few seeds. What broke first, in words;
 * empty when nothing did: this is how planted bugs are looked for.
 */
export function keeperViolation(): string {
  try {
    for (const kind of KINDS) sweep(kind, 2);
    sweepUndoing();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Every call of the script. Returns how many there are. */
export function sweep(kind: CrashKind, seeds: number): number {
  for (let n = 1;; n += 1) {
    let crashed = false;
    for (let seed = 0; seed < seeds; seed += 1) {
      const disk = makeDisk(6 * n + seed);
      const told = new Told();
      crashed = crashes(disk, n, kind, (libc) => script(told, libc));
      check(told, disk, `${kind} at call ${n}, seed ${seed}`);
    }
    if (!crashed) return n;
  }
}

/** Every call of the start that undoes a growth. */
export function sweepUndoing(): void {
  let crashed = true;
  for (let m = 1; crashed; m += 1) {
    for (let seed = 0; seed < 24; seed += 1) {
      const disk = makeDisk(100 * m + seed);
      const told = new Told();
      const { keeper, directory } = new Process(disk);
      keeper.beginCreate({ name: "b", partitions: 1, config: [] });
      keeper.finishCreate("b");
      const entry = keeper.beginGrow("b", 3) as TopicEntry;
      makeDirectories(disk, directory.fd, { ...entry, partitions: 3 }, 0, new SerialSyncs(disk), 1);
      disk.crash("power");
      crashed = crashes(disk, m, "power", (libc) => void new Process(libc));
      told.sizes.set(entry.topicId, [1]);
      check(told, disk, `at call ${m}, seed ${seed}`);
    }
  }
}
