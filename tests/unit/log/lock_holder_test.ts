/** Who holds a lock is read from the kernel's list, and named so that a person knows it. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { holderIn, processText } from "../../../src/log/lock_holder.ts";

const LIST = [
  "1: POSIX  ADVISORY  WRITE 708 08:02:1312 0 EOF",
  "2: FLOCK  ADVISORY  WRITE 709 fd:00:77 0 EOF",
  "2: -> FLOCK  ADVISORY  WRITE 710 fd:00:78 0 EOF",
  "3: OFDLCK ADVISORY  WRITE -1 08:02:79 0 EOF",
  "",
].join("\n");

test("the kind of a lock tells whose it is", () => {
  assert.deepEqual(holderIn(LIST, 1312), { kind: "kafka", pid: 708 });
  assert.deepEqual(holderIn(LIST, 77), { kind: "sluice", pid: 709 });
  assert.equal(holderIn(LIST, 77, "kafka"), null);
  assert.equal(holderIn(LIST, 78), null, "it only waits");
  assert.deepEqual(holderIn(LIST, 79), { kind: "kafka", pid: 0 }, "of nobody in particular");
  assert.equal(holderIn(LIST, 13), null);
});

test("a process is named by its command line", () => {
  assert.match(processText(libc, process.pid), new RegExp(`^process ${process.pid}: [ -~…]+$`));
  assert.equal(processText(libc, 0), "");
  assert.equal(processText(libc, 2 ** 30), "process 1073741824", "it has ended meanwhile");
});
