/** Who holds a lock is read from the kernel's list, and named so that a person knows it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { until } from "../../support/until.ts";
import { holderIn, type Locked, processText } from "../../../src/log/lock_holder.ts";

const LIST = [
  "1: POSIX  ADVISORY  WRITE 708 08:02:1312 0 EOF",
  "2: FLOCK  ADVISORY  WRITE 709 fd:10:77 0 EOF",
  "2: -> FLOCK  ADVISORY  WRITE 710 fd:10:78 0 EOF",
  "3: OFDLCK ADVISORY  WRITE -1 08:02:79 0 EOF",
  "4: FLOCK  ADVISORY  WRITE 711 00:1f:80 0 EOF",
  "",
].join("\n");

function file(deviceMajor: number, deviceMinor: number, inode: number): Locked {
  return { deviceMajor, deviceMinor, inode };
}

test("the kind of a lock tells whose it is", () => {
  assert.deepEqual(holderIn(LIST, file(8, 2, 1312)), { kind: "kafka", pid: 708 });
  assert.deepEqual(holderIn(LIST, file(0xfd, 0x10, 77)), { kind: "sluice", pid: 709 });
  assert.equal(holderIn(LIST, file(0xfd, 0x10, 77), "kafka"), null);
  assert.equal(holderIn(LIST, file(0xfd, 0x10, 78)), null, "it only waits");
  const nobodys = { kind: "kafka", pid: 0 };
  assert.deepEqual(holderIn(LIST, file(8, 2, 79)), nobodys, "of nobody in particular");
  assert.equal(holderIn(LIST, file(8, 2, 13)), null);
});

test("a copy of the file system has the same inodes on another device", () => {
  assert.equal(holderIn(LIST, file(7, 1, 77)), null);
  assert.equal(holderIn(LIST, file(0xfd, 0x11, 77)), null);
  assert.deepEqual(holderIn(LIST, file(0, 0x25, 80)), { kind: "sluice", pid: 711 }, "btrfs");
});

test("a process is named by its command line", () => {
  assert.match(processText(libc, process.pid), new RegExp(`^process ${process.pid}: [ -~…]+$`));
  assert.equal(processText(libc, 0), "");
  assert.equal(processText(libc, 2 ** 30), "process 1073741824", "it has ended meanwhile");
});

test("of a long command line the start and the end are shown", async () => {
  const child = spawn("sh", ["-c", "read line", "-".repeat(300), "serve", "--data", "/d"]);
  const text = () => processText(libc, child.pid ?? 0);
  // Until it is sh it is what forked it.
  await until("sh is there", () => text().endsWith("serve --data /d"));
  const shown = text();
  child.stdin.end("\n");
  await once(child, "close");
  assert.match(shown, /^process \d+: \S*sh -c read line -+…-+ serve --data \/d$/);
  assert.equal(shown.replace(/^process \d+: /, "").length, 241);
});
