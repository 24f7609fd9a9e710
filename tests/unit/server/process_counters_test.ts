/** What the kernel says of this process, and nothing where it says nothing. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { libc } from "#ffi";
import { EACCES } from "../../../ffi/constants.ts";
import { ProcessCounters } from "../../../src/server/process_counters.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

function named(counters: ProcessCounters): Record<string, number> {
  return Object.fromEntries(counters.list().map(({ name, value }) => [name, value]));
}

test("memory, threads and CPU time are those of the process", () => {
  const faulty = new FaultyLibc(libc);
  const read = new ProcessCounters(faulty.libc);
  const counters = named(read);
  assert.deepEqual([faulty.opened, faulty.count("close")], [2, 1], "one file stays open");
  named(read);
  assert.deepEqual([faulty.opened, faulty.count("close")], [2, 1], "and is read again");
  read.close();
  assert.equal(faulty.count("close"), 2);
  const resident = process.memoryUsage().rss;
  assert.ok(Math.abs(counters["process_resident_bytes"]! - resident) < resident / 2);
  assert.ok(counters["process_threads"]! >= 1);
  const usedMs = (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  assert.ok(counters["process_cpu_ms_total"]! <= usedMs + 100, `${usedMs}`);
});

test("what cannot be read is left out", () => {
  const faulty = new FaultyLibc(libc);
  const counters = new ProcessCounters(faulty.libc);
  faulty.failNth("openat", 1, -EACCES);
  assert.deepEqual(Object.keys(named(counters)), ["process_cpu_ms_total", "process_threads"]);
  faulty.failNth("pread", 1, -EACCES);
  assert.deepEqual(named(counters), {});
  counters.close();
});
