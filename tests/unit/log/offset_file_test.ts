/** A checkpoint file of offsets: merged, written only where something changed, never half. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, ENOSPC } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { setTraceSink } from "../../../src/base/trace.ts";
import { StorageError } from "../../../src/log/files.ts";
import { openDirectory } from "../../../src/log/files.ts";
import { OffsetFile } from "../../../src/log/offset_file.ts";
import { FaultyLibc } from "../../sim/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const NAME = "recovery-point-offset-checkpoint";

class World {
  readonly root: string = temporaryDirectory("offsets");
  readonly fd: number = openDirectory(libc, AT_FDCWD, this.root);
  readonly path: string = join(this.root, NAME);

  open(over: Libc = libc, wanted: (topic: string) => boolean = () => true): OffsetFile {
    return new OffsetFile(over, this.fd, NAME, ({ topic }) => wanted(topic));
  }

  /** Its lines without the first two and the seal. */
  text(): string {
    const found = /^0\n(\d+)\n([^]*)#crc32c 0 \d+\n$/.exec(readFileSync(this.path, "latin1"));
    assert.ok(found !== null, "it is sealed");
    const [, count, lines] = found as unknown as [string, string, string];
    assert.equal(lines.split("\n").length, Number(count));
    return lines;
  }
}

function at(topic: string, partition: number, offset: number) {
  return { topic, partition, offset };
}

test("entries are merged into what the file has, in one order", () => {
  const world = new World();
  const file = world.open();
  assert.equal(file.get("b", 0), -1);
  file.replace([at("b", 10, 7), at("b", 9, 8)]);
  file.replace([at("a", 0, 2 ** 40), at("b", 9, 9)]);
  assert.equal(world.text(), `a 0 ${2 ** 40}\nb 10 7\nb 9 9\n`);
  const again = world.open();
  assert.deepEqual([again.get("a", 0), again.get("b", 9), again.get("b", 1)], [2 ** 40, 9, -1]);
});

test("nothing is written where nothing changes", () => {
  const world = new World();
  const file = world.open();
  file.replace([]);
  assert.equal(existsSync(world.path), false);
  file.replace([at("a", 0, 5)]);
  rmSync(world.path);
  file.replace([at("a", 0, 5)]);
  file.replace([]);
  assert.equal(existsSync(world.path), false);
});

test("a topic that is forgotten leaves the file at the next replacement", () => {
  const world = new World();
  const file = world.open();
  file.replace([at("a", 0, 1), at("a", 1, 2), at("a-1", 0, 3)]);
  file.forget("a");
  assert.deepEqual([file.get("a", 1), file.get("a-1", 0)], [-1, 3]);
  file.replace([]);
  assert.equal(world.text(), "a-1 0 3\n");
  rmSync(world.path);
  file.forget("a");
  file.replace([]);
  assert.equal(existsSync(world.path), false, "there was none");
});

test("lines of partitions that nobody wants are dropped, and taken out of the file", () => {
  const world = new World();
  world.open().replace([at("a", 0, 1), at("gone", 0, 2)]);
  const file = world.open(libc, (topic) => topic !== "gone");
  assert.equal(file.get("gone", 0), -1);
  file.replace([]);
  assert.equal(world.text(), "a 0 1\n");
});

test("a damaged file says nothing, is told, and is replaced", () => {
  const world = new World();
  const said: string[] = [];
  setTraceSink((level, message) => said.push(`${level} ${message}`));
  for (const text of ["0\n2\na 0 1\n", "1\n0\n", "a 0 1", "0\n1\na 0 -1\n"]) {
    writeFileSync(world.path, text);
    const file = world.open();
    assert.equal(file.get("a", 0), -1, text);
    assert.match(said.pop()!, /^warning recovery-point-offset-checkpoint is damaged/);
    file.replace([at("b", 0, 4)]);
    assert.equal(world.text(), "b 0 4\n");
  }
  writeFileSync(world.path, "");
  assert.equal(world.open().get("b", 0), -1);
  assert.deepEqual(said, [], "an empty one, as Kafka leaves it, is no damage");
  setTraceSink(() => {});
});

test("what the disk refuses is not taken for written", () => {
  const world = new World();
  const faulty = new FaultyLibc(libc);
  const file = world.open(faulty);
  file.replace([at("a", 0, 1)]);
  faulty.plan = (name) => name === "pwrite" ? { kind: "error", errno: ENOSPC } : null;
  assert.throws(() => file.replace([at("a", 0, 2)]), StorageError);
  file.forget("b");
  assert.equal(file.get("a", 0), 1);
  assert.equal(world.text(), "a 0 1\n");
  faulty.plan = null;
  file.replace([at("a", 0, 2)]);
  assert.equal(world.open().get("a", 0), 2);
});
