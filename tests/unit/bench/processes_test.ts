/** What is read of a process: of this one, whose figures are known to exist. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { between, memoryOf, sample, threadsOf } from "../../../bench/processes.ts";

test("every figure of a process is a number that can be", () => {
  const before = sample(process.pid);
  let sum = 0;
  while (performance.now() < before.atMs + 50) sum += 1;
  const used = between(before, sample(process.pid), 1);
  assert.ok(sum > 0);
  assert.ok(used.seconds >= 0.05);
  assert.ok(used.cpuSeconds >= 0.01, "the loop took processor time");
  assert.ok(used.foreignShare >= 0);
  assert.ok(used.readBytes >= 0);
  assert.ok(used.writtenBytes >= 0);
  const memory = memoryOf(process.pid);
  assert.ok(memory.peakMib >= memory.residentMib - 1);
  assert.ok(memory.residentMib > memory.proportionalMib - 1);
  assert.ok(memory.anonymousMib > 1);
  assert.ok(threadsOf(process.pid) >= 1);
});
