/** The directories of a topic: what is taken for its own, and what is never touched. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EIO } from "../../../ffi/constants.ts";
import { formatEpochs, formatPartitionMetadata } from "../../../src/format/checkpoint.ts";
import { deletedDirectory, segmentFile } from "../../../src/format/file_names.ts";
import { DIRECTORIES_MADE_AT_ONCE } from "../../../src/limits.ts";
import { openDirectory, StorageError } from "../../../src/log/files.ts";
import { type ManySyncs, SerialSyncs } from "../../../src/log/sync_group.ts";
import {
  completeMetadata,
  directoriesOf,
  inspectDirectories,
  makeDirectories,
  removeDeleted,
  removeMade,
  renameDeleted,
} from "../../../src/log/topic_directories.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const TOPIC = {
  name: "t",
  topicId: "01234567-89ab-4cde-8f01-23456789abcd",
  partitions: 2,
  config: [],
};
const SEGMENT = segmentFile(0);
const OTHER_ID = "fedcba98-7654-4321-8fed-cba987654321";
const KAFKAS_NO_ID = "00000000-0000-0000-0000-000000000000";

class World {
  readonly root: string = temporaryDirectory("directories");
  readonly fd: number = openDirectory(libc, AT_FDCWD, this.root);

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** A directory that says it is of a topic of this id. */
  make(directory: string, topicId: string): void {
    mkdirSync(this.path(directory));
    writeFileSync(this.path(directory, "partition.metadata"), formatPartitionMetadata(topicId));
  }

  names(): string[] {
    return readdirSync(this.root).sort();
  }
}

test("what was made is found whole; a second making changes nothing", () => {
  const world = new World();
  for (let i = 0; i < 2; i += 1) {
    makeDirectories(libc, world.fd, TOPIC, 7, new SerialSyncs(libc));
    assert.equal(inspectDirectories(libc, world.fd, TOPIC).problem, null);
    assert.deepEqual(world.names(), directoriesOf(TOPIC));
    for (const directory of directoriesOf(TOPIC)) {
      assert.equal(readFileSync(world.path(directory, SEGMENT), "latin1"), "");
      const epochs = readFileSync(world.path(directory, "leader-epoch-checkpoint"), "latin1");
      assert.equal(epochs, formatEpochs([{ epoch: 7, startOffset: 0 }]));
    }
  }
});

test("what many directories hold is synced beside each other, then their names", () => {
  const world = new World();
  const groups: number[] = [];
  const counting: ManySyncs = {
    sync: (fds, results) => {
      groups.push(fds.length);
      fds.forEach((_, i) => results[i] = 0);
    },
  };
  const faulty = new FaultyLibc(libc);
  const most = DIRECTORIES_MADE_AT_ONCE;
  const topic = { ...TOPIC, partitions: 2 * most + 1 };
  makeDirectories(faulty.libc, world.fd, topic, 7, counting);
  assert.deepEqual(groups, [2 * most, most, 2 * most, most, 2, 1]);
  assert.equal(faulty.opened, faulty.count("close"), "nothing stays open");
  assert.deepEqual(inspectDirectories(libc, world.fd, topic), { problem: null, lacksId: false });
});

test("a file that is not synced has no name that counts, and nothing stays open", () => {
  for (const failing of [1, 2]) {
    const world = new World();
    const faulty = new FaultyLibc(libc);
    let groups = 0;
    const syncs: ManySyncs = {
      sync: (fds, results) => {
        groups += 1;
        fds.forEach((_, i) => results[i] = groups === failing && i === 0 ? -EIO : 0);
      },
    };
    const make = () => makeDirectories(faulty.libc, world.fd, TOPIC, 7, syncs);
    assert.throws(
      make,
      (error: unknown) => error instanceof StorageError && /EIO/.test(`${error}`),
    );
    assert.equal(existsSync(world.path("t-0", "partition.metadata")), failing === 2);
    assert.equal(existsSync(world.path("t-1")), false, "it is not gone on with");
    assert.equal(faulty.opened, faulty.count("close"));
  }
});

test("what was made is unmade; a segment that holds something stays, with its directory", () => {
  const world = new World();
  makeDirectories(libc, world.fd, TOPIC, 0, new SerialSyncs(libc));
  writeFileSync(world.path("t-1", SEGMENT), "x");
  assert.deepEqual(removeMade(libc, world.fd, TOPIC), ["t-1"]);
  assert.deepEqual(world.names(), ["t-1"]);
  assert.deepEqual(readdirSync(world.path("t-1")), [SEGMENT]);
});

test("an id is completed where there is none, or Kafka's that is none", () => {
  const world = new World();
  mkdirSync(world.path("t-0"));
  world.make("t-1", KAFKAS_NO_ID);
  assert.deepEqual(inspectDirectories(libc, world.fd, TOPIC), { problem: null, lacksId: true });
  completeMetadata(libc, world.fd, TOPIC);
  assert.deepEqual(inspectDirectories(libc, world.fd, TOPIC), { problem: null, lacksId: false });
  for (const directory of directoriesOf(TOPIC)) {
    const text = readFileSync(world.path(directory, "partition.metadata"), "latin1");
    assert.equal(text, formatPartitionMetadata(TOPIC.topicId));
  }
});

test("directories of another topic are neither renamed nor removed", () => {
  const world = new World();
  world.make("t-0", OTHER_ID);
  world.make("t-1", TOPIC.topicId);
  renameDeleted(libc, world.fd, TOPIC);
  const renamed = deletedDirectory("t", 1, TOPIC.topicId);
  assert.deepEqual(world.names(), ["t-0", renamed]);
  assert.deepEqual(removeMade(libc, world.fd, TOPIC), ["t-0"]);
  assert.ok(existsSync(world.path("t-0", "partition.metadata")));
  for (const _ of removeDeleted(libc, world.fd, TOPIC));
  assert.deepEqual(world.names(), ["t-0"]);
});

test("a deleted directory with a directory in it is left, and named", () => {
  const world = new World();
  const [first, second] = [0, 1].map((n) => deletedDirectory("t", n, TOPIC.topicId));
  for (const directory of [first!, second!]) {
    mkdirSync(world.path(directory));
    for (const file of ["0.log", "0.index"]) writeFileSync(world.path(directory, file), "x");
  }
  mkdirSync(world.path(first!, "mine"));
  const steps = [...removeDeleted(libc, world.fd, TOPIC)];
  assert.deepEqual(steps, [null, null, first, null, null]);
  assert.deepEqual(world.names(), [first]);
  assert.deepEqual(readdirSync(world.path(first!)), ["mine"]);
});
