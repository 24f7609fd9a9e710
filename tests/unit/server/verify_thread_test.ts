/** Verifying beside a broker: one after another, cancelled, stopped, and a worker that fails. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { VerifyEvent } from "../../../src/base/verify_event.ts";
import type { VerifyStart } from "../../../src/server/messages.ts";
import type { Threads } from "../../../src/server/threads.ts";
import { VerifyThread } from "../../../src/server/verify_thread.ts";

const SUMMARY: VerifyEvent = {
  kind: "summary",
  segments: 1,
  batches: 1,
  records: 1,
  bytes: 1,
  findings: { damage: 0, warning: 0, unread: 0, note: 0 },
};

/** Workers that say what the test says. */
class FakeThreads {
  readonly started: string[] = [];
  running = 0;
  fails = false;
  tell: (event: VerifyEvent) => void = () => {};
  flag: Int32Array = new Int32Array(1);

  startVerify(start: VerifyStart, tell: (event: VerifyEvent) => void): Promise<() => void> {
    if (this.fails) return Promise.reject(new Error("the verify worker does not load"));
    this.started.push(`${start.path} ${start.partition}`);
    this.flag = new Int32Array(start.isCancelled);
    this.tell = tell;
    this.running += 1;
    return Promise.resolve(() => (this.running -= 1));
  }
}

function setUp() {
  const threads = new FakeThreads();
  const verifier = new VerifyThread(threads as unknown as Threads, join("data"));
  const heard: string[] = [];
  const begin = (partition: string) => {
    return verifier.begin(partition, ({ kind }) => heard.push(`${partition} ${kind}`));
  };
  return { threads, verifier, heard, begin };
}

/** Everything that is due has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("one after another, each with a worker that ends", async () => {
  const { threads, heard, begin } = setUp();
  begin("a-0");
  begin("b-0");
  await settled();
  assert.deepEqual(threads.started, ["data a-0"]);
  threads.tell({ kind: "progress", doneBytes: 1, totalBytes: 2 });
  threads.tell(SUMMARY);
  await settled();
  assert.deepEqual([threads.started.at(-1), threads.running], ["data b-0", 1]);
  threads.tell(SUMMARY);
  await settled();
  assert.deepEqual(heard, ["a-0 progress", "a-0 summary", "b-0 summary"]);
  assert.equal(threads.running, 0);
});

test("who cancels hears nothing more, and the worker is told", async () => {
  const { threads, heard, begin } = setUp();
  const cancel = begin("a-0");
  begin("b-0")();
  begin("c-0");
  await settled();
  cancel();
  assert.equal(Atomics.load(threads.flag, 0), 1);
  threads.tell({ kind: "cancelled" });
  await settled();
  assert.deepEqual(threads.started, ["data a-0", "data c-0"], "b was never begun");
  assert.deepEqual([heard, threads.running], [[], 1]);
});

test("a stop is told to all, also to those that wait", async () => {
  const { threads, verifier, heard, begin } = setUp();
  begin("a-0");
  begin("b-0");
  await settled();
  verifier.stop();
  assert.deepEqual(heard, ["a-0 failed", "b-0 failed"]);
  assert.equal(Atomics.load(threads.flag, 0), 1);
  threads.tell({ kind: "cancelled" });
  await settled();
  assert.deepEqual([threads.started.length, threads.running, heard.length], [1, 0, 2]);
});

test("a worker that does not load is told, and the next one has its turn", async () => {
  const { threads, heard, begin } = setUp();
  threads.fails = true;
  begin("a-0");
  await settled();
  threads.fails = false;
  begin("b-0");
  await settled();
  assert.deepEqual(heard, ["a-0 failed"]);
  assert.deepEqual(threads.started, ["data b-0"]);
});
