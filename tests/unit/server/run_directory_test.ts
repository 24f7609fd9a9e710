/** Where the shard's socket may lie, and what killed brokers have left there. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { EACCES, EAGAIN } from "../../../ffi/constants.ts";
import { UNIX_PATH_SIZE_MAX } from "../../../src/limits.ts";
import { RunDirectory, type RunPlace } from "../../../src/server/run_directory.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const SOCKET = "shard-0.sock";
const OTHER_SOCKET = "http.sock";
let ids = 0;

function newId(): string {
  ids += 1;
  return `01234567-89ab-4cde-8f01-${String(ids).padStart(12, "0")}`;
}

function place(path: string, more: Partial<RunPlace> = {}): RunPlace {
  return { path, isFixed: false, sockets: [SOCKET, OTHER_SOCKET], newId, ...more };
}

/** One whose path is too long, so that another is made in `shortParent`. */
function tooLong(shortParent: string): RunPlace {
  return place("d".repeat(UNIX_PATH_SIZE_MAX), { shortParent });
}

function made(found: RunDirectory | string): RunDirectory {
  if (typeof found === "string") assert.fail(found);
  return found;
}

test("the usual one is for this user alone, is found again, and stays", () => {
  const path = join(temporaryDirectory("run"), "run");
  for (let start = 1; start <= 2; start += 1) {
    const directory = made(RunDirectory.make(libc, place(path)));
    assert.equal(directory.socketPath, join(path, SOCKET));
    assert.equal(statSync(path).mode & 0o777, 0o700);
    writeFileSync(directory.socketPath, "");
    writeFileSync(directory.pathOf(OTHER_SOCKET), "");
    directory.remove();
    assert.deepEqual(readdirSync(path), []);
  }
});

test("a path that was asked for and is too long is refused, and one that cannot be made", () => {
  const path = "d".repeat(UNIX_PATH_SIZE_MAX);
  const long = RunDirectory.make(libc, place(path, { isFixed: true }));
  assert.match(String(long), /over 107 bytes: choose a shorter --run-dir/);
  const faulty = new FaultyLibc(libc);
  faulty.failNth("mkdirat", 1, -EACCES);
  const denied = RunDirectory.make(faulty.libc, place(join(temporaryDirectory("run"), "run")));
  assert.match(String(denied), /cannot make run directory .*EACCES/);
});

test("a short one is locked while its broker lives, and removed at its end", () => {
  const parent = temporaryDirectory("run");
  const first = made(RunDirectory.make(libc, tooLong(parent)));
  writeFileSync(first.socketPath, "");
  const second = made(RunDirectory.make(libc, tooLong(parent)));
  assert.ok(existsSync(first.socketPath), "the other one is in use");
  assert.equal(readdirSync(parent).length, 2);
  first.remove();
  second.remove();
  assert.deepEqual(readdirSync(parent), []);
});

test("what a killed broker left is removed by the next that looks there, nothing else", () => {
  const parent = temporaryDirectory("run");
  const left = [1, 2, 3].map(() => join(parent, `sluice-${newId()}`));
  const [withSocket, empty, withMore] = left as [string, string, string];
  for (const path of [...left, join(parent, "sluice-notes"), join(parent, "other")]) {
    mkdirSync(path);
  }
  for (const socket of [SOCKET, OTHER_SOCKET]) writeFileSync(join(withSocket, socket), "");
  writeFileSync(join(withMore, "letter"), "");
  const directory = made(RunDirectory.make(libc, tooLong(parent)));
  assert.deepEqual([withSocket, empty, withMore].map((path) => existsSync(path)), [
    false,
    false,
    true,
  ]);
  directory.remove();
  assert.deepEqual(readdirSync(parent).length, 3, "and what is not ours");
});

test("who loses the directory to a start that cleans up takes another one", () => {
  const parent = temporaryDirectory("run");
  const faulty = new FaultyLibc(libc);
  faulty.failNth("flock", 1, -EAGAIN);
  const directory = made(RunDirectory.make(faulty.libc, tooLong(parent)));
  assert.equal(faulty.count("mkdirat"), 2);
  directory.remove();
  faulty.plan = (call) => call === "flock" ? -EAGAIN : undefined;
  assert.match(String(RunDirectory.make(faulty.libc, tooLong(parent))), /EAGAIN/);
});
