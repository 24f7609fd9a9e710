/** Who may use a data directory, and what its first and its next starts make of it. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { EACCES, EIO, EROFS } from "../../../ffi/constants.ts";
import { formatPartitionMetadata } from "../../../src/format/checkpoint.ts";
import { CatalogueError, encodeCatalogue } from "../../../src/log/catalogue.ts";
import { DataDirectory, DirectoryError } from "../../../src/log/data_directory.ts";
import { StorageError } from "../../../src/log/files.ts";
import { Keeper } from "../../../src/log/keeper.ts";
import { type CallName, FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const MARKER = ".kafka_cleanshutdown";
const TOPIC = {
  name: "orders",
  topicId: "01234567-89ab-4cde-8f01-23456789abcd",
  partitions: 1,
  config: [],
  state: "ready",
} as const;

function open(path: string, initialise: boolean = true): DataDirectory {
  return DataDirectory.open(libc, path, initialise);
}

/** Names and contents of everything directly in a directory. */
function snapshot(path: string): [string, string][] {
  return readdirSync(path).sort().map((name) => {
    const isFile = statSync(join(path, name)).isFile();
    return [name, isFile ? readFileSync(join(path, name), "latin1") : "directory"];
  });
}

test("an absent directory is created, and an empty one becomes ours", () => {
  const root = temporaryDirectory("data");
  for (const path of [join(root, "new"), temporaryDirectory("empty")]) {
    const directory = open(path);
    assert.equal(directory.clean, true);
    assert.equal(directory.catalogue.nodeEpoch, 0);
    assert.deepEqual(readdirSync(path).sort(), [".lock", "catalogue", "meta.properties"]);
    const { clusterId } = directory.catalogue;
    assert.match(
      clusterId,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const meta = readFileSync(join(path, "meta.properties"), "utf8");
    assert.equal(meta, `version=1\ncluster.id=${clusterId}\nnode.id=0\n`);
    assert.notEqual(directory.newTopicId(), directory.newTopicId());
    directory.closeClean();
  }
});

test("the epoch grows by one with every unclean stop, and with no clean one", () => {
  const path = temporaryDirectory("data");
  const stops = ["clean", "kill", "kill", "clean", "clean", "kill", "clean"];
  let epoch = 0;
  let wasClean = true;
  for (const stop of stops) {
    const directory = open(path);
    if (!wasClean) epoch += 1;
    assert.equal(directory.clean, wasClean);
    assert.equal(directory.catalogue.nodeEpoch, epoch);
    assert.ok(!existsSync(join(path, MARKER)), "no marker while it is open");
    wasClean = stop === "clean";
    if (wasClean) directory.closeClean();
    else directory.close();
  }
});

test("what was saved is there at the next start", () => {
  const path = temporaryDirectory("data");
  const directory = open(path);
  mkdirSync(join(path, "orders-0"));
  directory.catalogue.topics.push(TOPIC);
  directory.save();
  const { clusterId } = directory.catalogue;
  directory.close();
  const again = open(path);
  assert.deepEqual(again.catalogue.topics, [TOPIC]);
  assert.equal(again.catalogue.clusterId, clusterId);
  again.close();
});

test("a directory that is not ours is refused by name, untouched", () => {
  for (const foreign of ["notes.txt", "orders-0", "meta.properties", "recovery-point"]) {
    const path = temporaryDirectory("data");
    if (foreign === "orders-0") mkdirSync(join(path, foreign));
    else writeFileSync(join(path, foreign), "somebody's");
    writeFileSync(join(path, "zzz"), "more");
    const before = snapshot(path);
    const isKafka = foreign === "orders-0" || foreign === "meta.properties";
    const named = isKafka ? /sluice adopt / : new RegExp(`it holds ${foreign} and no catalogue`);
    assert.throws(() => open(path), (error) => {
      return error instanceof DirectoryError && named.test(error.message);
    });
    assert.deepEqual(snapshot(path), before);
  }
  const path = join(temporaryDirectory("data"), "file");
  writeFileSync(path, "no directory");
  assert.throws(() => open(path), StorageError);
});

test("without leave to initialise an absent or empty directory is refused, untouched", () => {
  const path = temporaryDirectory("data");
  assert.throws(() => open(path, false), /is empty: is its disk mounted/);
  assert.deepEqual(readdirSync(path), []);
  const absent = join(path, "absent");
  assert.throws(() => open(absent, false), /does not exist: is its disk mounted/);
  assert.equal(existsSync(absent), false);
  open(path).closeClean();
  open(path, false).closeClean();
});

test("a second broker is refused, and the first one unharmed", () => {
  const path = temporaryDirectory("data");
  const first = open(path);
  const before = snapshot(path);
  for (let i = 0; i < 3; i += 1) {
    const said = new RegExp(
      `in use by another broker \\(process ${process.pid}: .*kill ${process.pid}`,
    );
    assert.throws(() => open(path), said);
  }
  assert.deepEqual(snapshot(path), before);
  first.save();
  first.closeClean();
  open(path).close();
});

test("what an interrupted first start leaves behind is no obstacle", () => {
  const leftovers = [".lock", "catalogue.tmp", "run", "lost+found"];
  const path = temporaryDirectory("data");
  for (const name of leftovers) {
    if (name === "run" || name === "lost+found") mkdirSync(join(path, name));
    else writeFileSync(join(path, name), "half of something");
  }
  open(path).closeClean();
  assert.ok(!existsSync(join(path, "catalogue.tmp")));
});

/** The calls that a first start makes, in their order, from outside. */
const WRITING: CallName[] = ["openat", "pwrite", "fsync", "renameat", "flock"];

test("a first start that is cut off at any call can be started again", () => {
  for (const call of WRITING) {
    for (let k = 1;; k += 1) {
      const path = temporaryDirectory("data");
      const faulty = new FaultyLibc(libc);
      faulty.failNth(call, k, -EIO);
      let finished = false;
      try {
        DataDirectory.open(faulty.libc, path, true).close();
        finished = true;
      } catch (error) {
        assert.ok(error instanceof StorageError, `${call} ${k}: ${String(error)}`);
      }
      faulty.heal();
      const label = `${call} ${k}`;
      assert.equal(openDescriptors(faulty), 0, `${label}: nothing stays open, and no lock is held`);
      const again = open(path);
      const meta = readFileSync(join(path, "meta.properties"), "utf8");
      assert.ok(meta.includes(again.catalogue.clusterId), label);
      again.closeClean();
      if (finished) break;
    }
  }
});

function openDescriptors(faulty: FaultyLibc): number {
  const opened = faulty.opened;
  return opened - faulty.count("close");
}

test("a catalogue that cannot be believed is refused, left as it is, the lock given back", () => {
  const path = temporaryDirectory("data");
  open(path).closeClean();
  const file = join(path, "catalogue");
  const good = readFileSync(file);
  const newer = Uint8Array.from(good);
  newer[newer.indexOf(49)] = 57;
  for (const bytes of [good.subarray(0, 50), newer, new Uint8Array(0)]) {
    writeFileSync(file, bytes);
    const before = snapshot(path);
    const refusal = bytes === newer ? DirectoryError : CatalogueError;
    assert.throws(() => open(path), refusal);
    assert.deepEqual(snapshot(path), before, "the clean marker stays too");
  }
  writeFileSync(file, good);
  const again = open(path);
  assert.equal(again.clean, true);
  again.close();
});

test("meta.properties that somebody removed is written again", () => {
  const path = temporaryDirectory("data");
  open(path).closeClean();
  rmSync(join(path, "meta.properties"));
  open(path).closeClean();
  assert.ok(existsSync(join(path, "meta.properties")));
});

test("a catalogue that appears between the look and the lock is not overwritten", () => {
  const path = temporaryDirectory("data");
  const other = { ...open(temporaryDirectory("other")).catalogue, topics: [TOPIC] };
  const faulty = new FaultyLibc(libc);
  faulty.plan = (call) => {
    if (call !== "flock") return undefined;
    writeFileSync(join(path, "catalogue"), encodeCatalogue(other));
    mkdirSync(join(path, "orders-0"));
    return undefined;
  };
  const directory = DataDirectory.open(faulty.libc, path, true);
  assert.deepEqual(directory.catalogue.topics, [TOPIC]);
  assert.equal(directory.clean, false, "it was not stopped cleanly");
  directory.close();
});

/** A directory with a topic of two partitions, stopped cleanly. */
function withTopic(): string {
  const path = temporaryDirectory("data");
  const directory = open(path);
  const keeper = new Keeper(directory, libc);
  keeper.beginCreate({ name: "orders", partitions: 2, config: [] });
  keeper.finishCreate("orders");
  directory.closeClean();
  return path;
}

test("a partition that is missing is refused by name, and nothing is changed", () => {
  const path = withTopic();
  renameSync(join(path, "orders-1"), join(path, "elsewhere"));
  for (const clean of [true, false]) {
    if (!clean) rmSync(join(path, MARKER));
    const before = snapshot(path);
    assert.throws(() => open(path), (error) => {
      return error instanceof DirectoryError && /orders-1 .*is missing.*copy/.test(error.message);
    });
    writeFileSync(join(path, "orders-1"), "a file");
    assert.throws(() => open(path), /orders-1 of topic orders is missing/);
    rmSync(join(path, "orders-1"));
    assert.deepEqual(snapshot(path), before, "no epoch is counted, the marker stays");
  }
  renameSync(join(path, "elsewhere"), join(path, "orders-1"));
  const again = open(path);
  assert.equal(again.catalogue.nodeEpoch, 1, "of the stop without a marker");
  again.close();
});

test("a directory of another topic of this name is refused by its id", () => {
  const path = withTopic();
  const other = "fedcba98-7654-4321-8fed-cba987654321";
  const file = join(path, "orders-1", "partition.metadata");
  const good = readFileSync(file);
  writeFileSync(file, formatPartitionMetadata(other));
  assert.throws(() => open(path), new RegExp(`orders-1 is of another topic.*${other}`));
  writeFileSync(file, "version: 0");
  assert.throws(() => open(path), /orders-1\/partition.metadata is damaged.*remove that file/);
  rmSync(file);
  open(path).close();
  writeFileSync(file, good);
  open(path).close();
});

test("what may not be written is refused with the next step, whichever call says so", () => {
  const path = withTopic();
  const calls: readonly CallName[] = ["openat", "unlinkat", "fsync"];
  for (
    const [errno, words] of [[EROFS, /can only be read.*remount,rw/], [EACCES, /chown/]] as const
  ) {
    for (const call of calls) {
      const faulty = new FaultyLibc(libc);
      faulty.failNth(call, 1, -errno);
      assert.throws(() => DataDirectory.open(faulty.libc, path, true), (error) => {
        return error instanceof DirectoryError && words.test(error.message) &&
          error.message.includes(path);
      }, `${call} ${errno}`);
    }
  }
  open(path).close();
});

test("a change is durable or has not been, and in doubt only when nobody can know", () => {
  const faulty = new FaultyLibc(libc);
  const directory = DataDirectory.open(faulty.libc, temporaryDirectory("data"), true);
  directory.change({ nextProducerId: 7 });
  const refuse = () => assert.throws(() => directory.change({ nextProducerId: 9 }), StorageError);
  for (const call of ["pwrite", "renameat"] as const) {
    faulty.plan = (name) => name === call ? -EIO : undefined;
    refuse();
    assert.deepEqual([directory.catalogue.nextProducerId, directory.isInDoubt], [7, false], call);
  }
  let syncs = 0; // the second one is the directory's, behind the rename
  faulty.plan = (name) => name === "fsync" && ++syncs === 2 ? -EIO : undefined;
  refuse();
  assert.deepEqual([directory.catalogue.nextProducerId, directory.isInDoubt], [7, true]);
  directory.close();
});
