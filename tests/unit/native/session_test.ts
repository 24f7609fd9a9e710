/** Which requests may run beside which, and how many may be unanswered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reply } from "../../../src/base/reply.ts";
import type { TopicPartition } from "../../../src/broker/topics.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { REPLY_SLOTS } from "../../../src/limits.ts";
import { Handle, Session, Waiting } from "../../../src/native/session.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { type Client, NativeWorld } from "../../support/native_world.ts";

function bareSession(): Session {
  return new Session(8, 1, new Reply(null as never), false);
}

test("requests outstanding on one handle are of one kind, fetches and deletions run alone", () => {
  const { written, durable, fetch, logStart } = Waiting;
  const alone: Waiting[] = [fetch, logStart];
  for (const first of [written, durable, fetch, logStart]) {
    for (const second of [written, durable, fetch, logStart]) {
      const session = bareSession();
      const handle = new Handle({} as TopicPartition);
      assert.equal(session.mayRun(handle, first), true);
      session.begin(handle, first);
      assert.equal(session.mayRun(handle, second), first === second && !alone.includes(first));
      assert.equal(
        session.mayRun(new Handle({} as TopicPartition), second),
        true,
        "another handle",
      );
      session.end(handle);
      assert.equal(session.mayRun(handle, second), true);
    }
  }
});

test("records behind a cut are counted with one fetch alone, those read again twice", () => {
  const handle = new Handle({} as TopicPartition);
  assert.equal(handle.readOn(0), 0, "the first fetch");
  handle.readTo = 14; // the batch behind the slice ends there, and begins at 10
  assert.equal(handle.readOn(10), 14);
  handle.readTo = 20;
  assert.equal(handle.readOn(20), 20, "at the end");
  assert.equal(handle.readOn(20), 20, "and again");
  assert.equal(handle.readOn(3), 3, "back");
  handle.readTo = 20;
  assert.equal(handle.readOn(30), 30, "on");
});

test("no more than REPLY_SLOTS requests are unanswered, over all handles", () => {
  const session = bareSession();
  const handles = [0, 1, 2].map(() => new Handle({} as TopicPartition));
  for (let i = 0; i < REPLY_SLOTS; i += 1) {
    const handle = handles[i % 3]!;
    assert.equal(session.mayRun(handle, Waiting.written), true);
    session.begin(handle, Waiting.written);
  }
  for (const handle of handles) assert.equal(session.mayRun(handle, Waiting.written), false);
  session.end(handles[0]!);
  assert.equal(session.mayRun(handles[1]!, Waiting.written), true);
});

test("a handle without a request has none to end", () => {
  assert.throws(() => bareSession().end(new Handle({} as TopicPartition)));
});

/** A client with two handles on partition 0 and one on partition 1. */
function client(world: NativeWorld): Client {
  world.addTopic("t", 2);
  const made = world.connect();
  for (const partition of [0, 0, 1]) {
    made.feed(frames.request("open_partition", { topic: "t", partition }));
  }
  return made;
}

test("a fetch behind a produce waits for its answer, and what follows waits too", () => {
  const world = new NativeWorld();
  const asker = client(world);
  asker.give(frames.produce(0, batchOfSize(100), 1));
  asker.give(frames.produce(0, batchOfSize(100), 2));
  asker.give(frames.fetch(0, 0, {}, 3));
  assert.equal(asker.paused, true);
  asker.give(frames.request("ping", {}, 4));
  assert.deepEqual(asker.replies(), [], "not even the ping: frames are read in order");
  const replies = asker.feed(new Uint8Array(0));
  assert.deepEqual(replies.map(({ correlation }) => correlation), [1, 2, 3, 4]);
  assert.equal(replies[2]!.body.length, 16 + 200, "the fetch sees what was produced before it");
  world.end();
});

test("a produce of another kind waits on its handle, and not on another one", () => {
  const world = new NativeWorld();
  const asker = client(world);
  asker.give(frames.produce(0, batchOfSize(100), 1, 255));
  asker.give(frames.produce(1, batchOfSize(100), 2, 1));
  assert.equal(asker.paused, false);
  world.turn();
  assert.deepEqual(asker.replies().map(({ correlation }) => correlation), [2], "it overtakes");
  asker.give(frames.produce(0, batchOfSize(100), 3, 1));
  assert.equal(asker.paused, true);
  world.settle();
  assert.ok(world.server.dispatches.has(8), "an answer lets what waits go on");
  const before = asker.replies().map(({ correlation }) => correlation);
  const after = asker.feed(new Uint8Array(0)).map(({ correlation }) => correlation);
  assert.deepEqual([before, after], [[1], [3]]);
  world.end();
});

test("the request beyond the last reply slot waits", () => {
  const world = new NativeWorld();
  const asker = client(world);
  for (let i = 0; i < REPLY_SLOTS; i += 1) asker.give(frames.produce(0, batchOfSize(80), i));
  assert.equal(asker.paused, false);
  asker.give(frames.request("ping", {}, 1000));
  assert.equal(asker.paused, true);
  assert.equal(asker.session.outstanding, REPLY_SLOTS);
  const replies = asker.feed(new Uint8Array(0));
  assert.deepEqual(
    replies.map(({ correlation }) => correlation),
    [...Array(REPLY_SLOTS).keys(), 1000],
  );
  assert.equal(asker.session.outstanding, 0);
  world.end();
});

/** A partition as far as a session looks at it. */
function place(name: string): TopicPartition {
  return { topic: { name }, removed: false } as TopicPartition;
}

test("partitions of deleted topics are let go, and their handles keep saying why", () => {
  const session = bareSession();
  const kept = session.open(place("kept"));
  for (let i = 0; i < 1000; i += 1) {
    const partition = place(`t${i}`);
    assert.equal(session.open(partition), i + 1);
    partition.removed = true;
    const held = session.handles.filter((handle) => handle !== undefined);
    assert.ok(held.length <= 16, "no more than before the first look");
  }
  for (let i = 0; i < 1000; i += 1) {
    assert.equal(session.isDeleted(i + 1), true);
    const name = `t${i}`;
    const why = { code: ErrorCodes.topic_not_found, message: name };
    assert.throws(() => session.handle(i + 1), why);
  }
  assert.equal(session.handle(kept).partition.topic.name, "kept");
  assert.equal(session.isDeleted(kept), false);
  assert.equal(session.isDeleted(1001), false);
  assert.throws(() => session.handle(1001), { code: ErrorCodes.unknown_handle });
});

test("a handle for which something is outstanding stays until that is answered", () => {
  const session = bareSession();
  const partition = place("t");
  const handle = session.handle(session.open(partition));
  session.begin(handle, Waiting.written);
  partition.removed = true;
  session.forgetDeleted();
  assert.equal(session.handles[0], handle);
  session.end(handle);
  session.forgetDeleted();
  assert.equal(session.handles[0], undefined);
});
