/**
 * The keeper's answers, and what a disk that refuses leaves. Crashes are in
 * tests/sim/keeper_crash_test.ts.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { setTraceSink } from "../../../src/base/trace.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { loadCatalogue, type TopicEntry } from "../../../src/log/catalogue.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import { StorageError } from "../../../src/log/files.ts";
import { Keeper, type Refusal } from "../../../src/log/keeper.ts";
import { type CallName, FaultyLibc } from "../../sim/faulty_libc.ts";
import { SimLibc } from "../../sim/sim_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const ORDERS = { name: "orders", partitions: 2, config: [{ key: "flush.ms", value: "7" }] };
const OWN_FILES = [".lock", "catalogue", "meta.properties"];

class World {
  readonly root: string;
  readonly faulty: FaultyLibc;
  readonly directory: DataDirectory;
  readonly keeper: Keeper;
  readonly unknown: string[];

  constructor(root: string = temporaryDirectory("keeper"), inner: Libc = libc) {
    this.root = root;
    this.faulty = new FaultyLibc(inner);
    this.directory = DataDirectory.open(this.faulty, root, true);
    this.keeper = new Keeper(this.directory, this.faulty);
    this.unknown = this.keeper.reconcile();
  }

  /** The next start. */
  again(): World {
    this.directory.close();
    return new World(this.root, this.faulty.inner);
  }

  create(name: string, partitions: number = 1): TopicEntry {
    const entry = this.keeper.beginCreate({ name, partitions, config: [] });
    assert.ok("topicId" in entry, JSON.stringify(entry));
    this.keeper.finishCreate(name);
    return entry;
  }

  names(): string[] {
    return readdirSync(this.root).sort();
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  refuse(call: CallName, errno: number, from: number = 1): void {
    const first = this.faulty.count(call) + from;
    this.faulty.plan = (name, k) => name === call && k >= first ? { kind: "error", errno } : null;
  }
}

test("a topic is being created, then ready, and its directories say whose they are", () => {
  const world = new World();
  const { keeper } = world;
  const begun = keeper.beginCreate(ORDERS) as TopicEntry;
  assert.equal(begun.state, "creating");
  assert.deepEqual(keeper.topics, []);
  assert.deepEqual(world.names(), OWN_FILES);
  keeper.finishCreate("orders");
  assert.deepEqual(keeper.topics, [{ ...begun, state: "ready" }]);
  assert.deepEqual(world.names(), [...OWN_FILES, "orders-0", "orders-1"]);
  const text = readFileSync(world.path("orders-1", "partition.metadata"), "utf8");
  assert.match(text, /^version: 0\ntopic_id: [A-Za-z0-9_-]{22}$/);
  const again = world.again();
  assert.deepEqual(again.keeper.topics, [{ ...begun, state: "ready" }]);
  assert.deepEqual(again.unknown, []);
});

test("a name is taken by a topic, and by a directory of nobody", () => {
  const world = new World();
  const { topicId } = world.create("orders", 2);
  const taken = { error: ErrorCodes.topic_exists, message: "orders" };
  assert.deepEqual(world.keeper.beginCreate(ORDERS), taken);
  mkdirSync(world.path("photos-1"));
  const refused = world.keeper.beginCreate({ name: "photos", partitions: 2, config: [] });
  assert.ok("error" in refused && refused.error === ErrorCodes.storage_failed);
  assert.match(refused.message, /^photos-1 lies in the data directory.*move it away/);
  assert.deepEqual(world.keeper.topics.map((topic) => topic.topicId), [topicId]);
});

test("a creation that is abandoned leaves nothing, but what somebody else put there", () => {
  const world = new World();
  const said: string[] = [];
  setTraceSink((_, message) => said.push(message));
  for (const foreign of [false, true]) {
    world.keeper.beginCreate(ORDERS);
    world.refuse("renameat", EIO, 2); // the second directory's partition.metadata
    assert.throws(() => world.keeper.finishCreate("orders"), StorageError);
    world.faulty.plan = null;
    if (foreign) writeFileSync(world.path("orders-1", "note"), "mine");
    world.keeper.abandonCreate("orders");
    assert.deepEqual(world.directory.catalogue.topics, []);
    const left = foreign ? ["orders-1"] : [];
    assert.deepEqual(world.names(), [...OWN_FILES, ...left]);
  }
  assert.deepEqual(said, ["orders-1: something lies in it, so it stays"]);
  setTraceSink(() => {});
  assert.deepEqual(world.again().unknown, ["orders-1"]);
});

test("a creation that could not be abandoned is, before the next one of its name", () => {
  const world = new World();
  const first = world.keeper.beginCreate(ORDERS) as TopicEntry;
  world.refuse("mkdirat", ENOSPC);
  assert.throws(() => world.keeper.finishCreate("orders"), /orders-0.*ENOSPC/);
  world.refuse("openat", ENOSPC);
  assert.throws(() => world.keeper.abandonCreate("orders"), StorageError);
  world.faulty.plan = null;
  assert.deepEqual(world.keeper.topics, []);
  assert.notEqual(world.create("orders", 2).topicId, first.topicId);
  assert.equal(world.directory.catalogue.topics.length, 1);
});

test("deleting: out of the way by name, then file by file, then forgotten", () => {
  const world = new World();
  const { topicId } = world.create("orders", 2);
  const other = world.create("orders-0");
  writeFileSync(world.path("orders-0", "0.log"), "x");
  assert.equal(world.keeper.beginDelete("absent"), null);
  assert.equal(world.keeper.beginDelete("orders")?.topicId, topicId);
  assert.equal(world.keeper.beginDelete("orders"), null);
  assert.deepEqual(world.keeper.deletions, [topicId]);
  world.keeper.renameDeleted(topicId);
  const end = `${topicId.replaceAll("-", "")}-delete`;
  const renamed = [`orders-0.${end}`, `orders-1.${end}`];
  assert.deepEqual(world.names(), [...OWN_FILES, "orders-0-0", ...renamed].sort());
  const made = readdirSync(world.path(renamed[0]!)).length;
  const steps = world.keeper.deletionSteps(topicId);
  assert.equal(steps.next().done, false);
  assert.equal(readdirSync(world.path(renamed[0]!)).length, made - 1, "one file a step");
  const again = world.again(); // it was left in the middle
  assert.deepEqual(again.unknown, []);
  assert.deepEqual(again.keeper.deletions, [topicId]);
  again.keeper.finishDelete(topicId);
  assert.deepEqual(again.names(), [...OWN_FILES, "orders-0-0"]);
  assert.deepEqual(again.directory.catalogue.deletions, []);
  assert.deepEqual(again.keeper.topics.map((topic) => topic.topicId), [other.topicId]);
  again.keeper.finishDelete(topicId);
});

test("a new topic may have the name while files of the old one are removed", () => {
  const world = new World();
  const old = world.create("orders", 2).topicId;
  world.keeper.beginDelete("orders");
  world.keeper.renameDeleted(old);
  const { topicId } = world.create("orders", 2);
  writeFileSync(world.path("orders-0", "0.log"), "new");
  world.keeper.renameDeleted(old);
  const again = world.again();
  again.keeper.finishDelete(old);
  assert.equal(readFileSync(world.path("orders-0", "0.log"), "utf8"), "new");
  assert.deepEqual(again.keeper.topics.map((topic) => topic.topicId), [topicId]);
  assert.deepEqual(again.names(), [...OWN_FILES, "orders-0", "orders-1"]);
});

test("directories that could not be renamed keep their name from a new topic", () => {
  const world = new World();
  const old = world.create("orders", 2).topicId;
  world.keeper.beginDelete("orders");
  world.refuse("renameat", EIO, 2);
  assert.throws(() => world.keeper.renameDeleted(old), /rename orders-1/);
  assert.throws(() => world.keeper.beginCreate({ ...ORDERS, partitions: 1 }), /rename orders-1/);
  world.faulty.plan = null;
  world.create("orders", 1);
  assert.equal(existsSync(world.path("orders-1")), false);
});

test("directories of no topic are named and not touched", () => {
  const world = new World();
  world.create("orders");
  const foreign = ["orders-1", "photos", `x-0.${"a".repeat(32)}-delete`];
  for (const name of [...foreign, "run", "lost+found", "__cluster_metadata-0"]) {
    mkdirSync(world.path(name));
    writeFileSync(world.path(name, "f"), name);
  }
  writeFileSync(world.path("file-0"), "no directory");
  const before = world.names();
  const again = world.again();
  assert.deepEqual(again.unknown, foreign);
  assert.deepEqual(again.names(), before);
});

test("directories of the first version get the id that they lack", () => {
  const world = new World();
  world.create("orders", 2);
  const file = world.path("orders-0", "partition.metadata");
  const text = readFileSync(file, "latin1");
  rmSync(file);
  world.again();
  assert.equal(readFileSync(file, "latin1"), text);
});

test("checkpoints: log starts only rise, and another topic of the name changes nothing", () => {
  const world = new World();
  const { topicId } = world.create("t", 2);
  const entry = (partition: number, recoveryPoint: number, logStart: number, id = topicId) => {
    return { topic: "t", topicId: id, partition, recoveryPoint, logStart };
  };
  const points = (of: Keeper) => [0, 1].map((n) => [of.recoveryPoint("t", n), of.logStart("t", n)]);
  assert.deepEqual(points(world.keeper), [[-1, -1], [-1, -1]]);
  world.keeper.checkpoint([entry(0, 10, 3), entry(1, 0, 0)]);
  world.keeper.checkpoint([entry(0, 11, 2), entry(2, 5, 5), entry(1, 9, 9, "another")]);
  assert.deepEqual(points(world.keeper), [[11, 3], [0, 0]]);
  assert.deepEqual(points(world.again().keeper), [[11, 3], [0, 0]]);
});

test("a log start that was stored counts, also when the recovery points were refused", () => {
  const world = new World();
  const { topicId } = world.create("t");
  world.refuse("renameat", EIO, 2);
  const entry = { topic: "t", topicId, partition: 0, recoveryPoint: 7, logStart: 5 };
  assert.throws(() => world.keeper.checkpoint([entry]), StorageError);
  assert.deepEqual([world.keeper.recoveryPoint("t", 0), world.keeper.logStart("t", 0)], [-1, 5]);
});

test("offsets of a deleted topic that could not be taken out keep its name from a new one", () => {
  const world = new World();
  const { topicId } = world.create("t");
  world.keeper.checkpoint([{ topic: "t", topicId, partition: 0, recoveryPoint: 7, logStart: 5 }]);
  world.keeper.beginDelete("t");
  world.refuse("pwrite", ENOSPC);
  assert.throws(() => world.keeper.renameDeleted(topicId), StorageError);
  const wanted = { name: "t", partitions: 1, config: [] };
  assert.throws(() => world.keeper.beginCreate(wanted), /offset-checkpoint/);
  world.faulty.plan = null;
  world.create("t");
  const { keeper } = world.again();
  assert.deepEqual([keeper.recoveryPoint("t", 0), keeper.logStart("t", 0)], [-1, -1]);
});

/** Every call that fails, of everything that changes the catalogue. */
const CALLS: CallName[] = ["openat", "pwrite", "fsync", "renameat", "mkdirat", "unlinkat", "statx"];

test("whatever the disk refuses, memory is what the next start finds, or it is in doubt", () => {
  let doubts = 0;
  for (const call of CALLS) {
    let injected = true;
    for (let k = 1; injected; k += 1) {
      const world = new World("/data", new SimLibc({ seed: k }));
      const { faulty, keeper, directory } = world;
      const first = faulty.count(call) + k;
      faulty.plan = (name, n) =>
        name === call && n === first ? { kind: "error", errno: EIO } : null;
      try {
        world.create("a", 2);
        keeper.finishDelete(keeper.beginDelete("a")!.topicId);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
      }
      injected = faulty.injected > 0;
      faulty.plan = null;
      const { topics, deletions } = directory.catalogue;
      const file = loadCatalogue(faulty, directory.fd)!;
      const isSame = JSON.stringify([file.topics, file.deletions]) ===
        JSON.stringify([topics, deletions]);
      assert.ok(isSame !== keeper.isInDoubt, `${call} ${k}: ${isSame}, ${keeper.isInDoubt}`);
      if (keeper.isInDoubt) doubts += 1;
      assert.deepEqual(world.again().unknown, [], `${call} ${k}`);
    }
  }
  assert.ok(doubts > 0);
});

test("a topic that grows has its new partitions only when all of them are there", () => {
  const world = new World();
  const { keeper } = world;
  world.create("a", 2);
  const begun = keeper.beginGrow("a", 4) as TopicEntry;
  assert.deepEqual([begun.partitions, begun.growingTo], [2, 4]);
  assert.deepEqual(world.names(), [...OWN_FILES, "a-0", "a-1"].sort());
  const grown = keeper.finishGrow("a");
  assert.deepEqual([grown.partitions, grown.growingTo], [4, undefined]);
  const again = world.again();
  assert.deepEqual(again.keeper.topics, [grown]);
  assert.deepEqual(again.unknown, []);
  assert.deepEqual(again.keeper.beginGrow("a", 4), grown, "it has as many");
  const fewer = again.keeper.beginGrow("a", 3);
  assert.equal((fewer as Refusal).error, ErrorCodes.invalid_partitions);
  const none = again.keeper.beginGrow("b", 3);
  assert.equal((none as Refusal).error, ErrorCodes.topic_not_found);
});

test("a growth that a start finds is undone, and so is one that is given up", () => {
  const world = new World();
  const entry = world.create("a", 1);
  world.keeper.beginGrow("a", 3);
  world.refuse("mkdirat", ENOSPC, 2);
  assert.throws(() => world.keeper.finishGrow("a"), StorageError);
  assert.ok(world.names().includes("a-1"));
  const again = world.again();
  assert.deepEqual(again.unknown, []);
  assert.deepEqual(again.keeper.topics, [{ ...entry, state: "ready" }]);
  assert.deepEqual(again.names(), [...OWN_FILES, "a-0"].sort());
  again.keeper.beginGrow("a", 2);
  assert.equal((again.keeper.beginGrow("a", 5) as TopicEntry).growingTo, 5);
  again.keeper.abandonGrow("a");
  assert.deepEqual(again.keeper.topics, [{ ...entry, state: "ready" }]);
});

test("a topic never takes a directory that lies there already", () => {
  const world = new World();
  world.create("a", 1);
  mkdirSync(world.path("a-2"));
  const refused = world.keeper.beginGrow("a", 3) as Refusal;
  assert.equal(refused.error, ErrorCodes.storage_failed);
  assert.match(refused.message, /a-2 .*move it away/);
  assert.equal(world.keeper.topics[0]!.growingTo, undefined);
});

test("a topic that is deleted while it grows leaves nothing", () => {
  const world = new World();
  world.create("a", 1);
  world.keeper.beginGrow("a", 3);
  world.refuse("mkdirat", ENOSPC, 2);
  assert.throws(() => world.keeper.finishGrow("a"), StorageError);
  world.faulty.plan = null;
  const { topicId } = world.keeper.beginDelete("a")!;
  world.keeper.renameDeleted(topicId);
  world.keeper.finishDelete(topicId);
  assert.deepEqual(world.names(), [...OWN_FILES].sort());
});

test("settings of a topic are there at the next start, or as they were", () => {
  const world = new World();
  const { keeper } = world;
  world.create("a", 1);
  const set = [{ key: "flush.ms", value: "9" }, { key: "retention.ms", value: "5" }];
  keeper.alterTopic("a", { set, unset: [] });
  keeper.alterTopic("a", { set: [], unset: [{ key: "flush.ms" }] });
  world.refuse("renameat", EIO);
  assert.throws(() => keeper.alterTopic("a", { set, unset: [] }), StorageError);
  const kept = [{ key: "retention.ms", value: "5" }];
  assert.deepEqual(keeper.topics[0]!.config, kept);
  assert.deepEqual(world.again().keeper.topics[0]!.config, kept);
  const wrong = keeper.alterTopic("a", { set: [{ key: "x", value: "" }], unset: [] }) as Refusal;
  assert.equal(wrong.error, ErrorCodes.invalid_config);
});

test("settings of the broker are there at the next start", () => {
  const world = new World();
  const settings = [{ key: "num.partitions", value: "3" }];
  world.keeper.changeSettings(settings);
  assert.deepEqual(world.again().keeper.settings, settings);
});

test("a topic that is compacted no more is known as one that was, whatever follows", () => {
  const world = new World();
  const config = [{ key: "cleanup.policy", value: "compact,delete" }];
  world.keeper.beginCreate({ name: "a", partitions: 1, config });
  world.keeper.finishCreate("a");
  world.create("b");
  const flush = [{ key: "flush.ms", value: "7" }];
  world.keeper.alterTopic("b", { set: flush, unset: [] });
  world.keeper.alterTopic("a", { set: [], unset: [{ key: "cleanup.policy" }] });
  world.keeper.alterTopic("a", { set: flush, unset: [] });
  world.keeper.beginGrow("a", 2);
  world.keeper.finishGrow("a");
  const [a, b] = world.again().keeper.topics;
  assert.deepEqual([a!.wasCompacted, a!.partitions, a!.config], [true, 2, flush]);
  assert.deepEqual([b!.wasCompacted, b!.config], [undefined, flush]);
});
