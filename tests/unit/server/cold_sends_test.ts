/** A slice whose rest left the page cache while the socket was full. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  EAGAIN,
  EIO,
  MSG_DONTWAIT,
  SO_RCVBUF,
  SO_SNDBUF,
  SOL_SOCKET,
} from "../../../ffi/constants.ts";
import { emptyJob } from "../../../src/base/job_ring.ts";
import { COLD_TRIES_MAX } from "../../../src/limits.ts";
import { Waker } from "../../../src/net/poller.ts";
import { batchOfSize, concat, sameBytes, stamped } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { type NodeClient, NodeWorld } from "../../support/node_world.ts";

const BATCHES = Array.from({ length: 5 }, (_, i) => batchOfSize(60000, i));
const READ_JOB = 3;

test("the connection waits, others are served, and it goes on when the bytes are there", () => {
  const { made, slow, quick } = halfSent();
  const connection = made.node.connections[0]!;
  isCold(made, true);
  waitsForDisk(made, slow);
  const { sendfiles } = made.node.sendCounters;
  for (let i = 0; i < 5; i += 1) {
    assert.equal(quick.ask(frames.request("ping", {}, 100 + i)).code, 0);
    assert.equal(connection.waitsForDisk, true);
  }
  assert.equal(made.node.sendCounters.sendfiles, sendfiles, "no sendfile meanwhile");
  isCold(made, false);
  work(made, 0);
  libc.setsockopt(connection.fd, SOL_SOCKET, SO_SNDBUF, 1048576);
  libc.setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, 1048576);
  const [reply] = slow.receive(1);
  sameBytes(reply!.body.slice(16), concat(BATCHES.map((b, i) => stamped(b, i, 1))), "all of it");
  assert.equal(connection.waitsForDisk, false);
  assert.equal(made.node.coldReads.postedBytes, 0);
  made.end();
});

test("a read that fails ends the connection: its bytes were promised", () => {
  const { made, slow } = halfSent();
  isCold(made, true);
  waitsForDisk(made, slow);
  work(made, -EIO);
  made.until(() => made.node.openConnections === 1, "the connection is closed");
  made.end();
});

test("a client that leaves meanwhile takes its wait along", () => {
  const { made, slow, quick } = halfSent();
  leaves(made, slow);
  const again = made.connect();
  assert.equal(again.ask(frames.hello()).code, 0, "the slot serves another client");
  work(made, 0);
  made.until(() => made.node.coldReads.postedBytes === 0, "the piece is reaped");
  assert.equal(quick.ask(frames.request("ping", {}, 7)).code, 0);
  made.end();
});

test("a read that fails when its client has left ends nothing", () => {
  const { made, slow, quick } = halfSent();
  leaves(made, slow);
  work(made, -EIO);
  made.until(() => made.node.coldReads.postedBytes === 0, "the piece is reaped");
  assert.equal(quick.ask(frames.request("ping", {}, 7)).code, 0);
  assert.equal(made.node.openConnections, 1);
  made.end();
});

test("what is evicted again and again is sent all the same", () => {
  const { made, slow } = halfSent();
  isCold(made, true);
  const { fileBytes } = made.node.sendCounters;
  for (let time = 1; time <= COLD_TRIES_MAX; time += 1) {
    waitsForDisk(made, slow, time);
    assert.equal(made.node.sendCounters.fileBytes, fileBytes, "nothing of it is sent");
    work(made, 0);
  }
  made.until(() => {
    slow.take();
    return made.node.sendCounters.fileBytes > fileBytes;
  }, "it goes on");
  made.end();
});

/** A reply of about 1 MiB, of which the socket took a part. */
function halfSent(): { made: NodeWorld; slow: NodeClient; quick: NodeClient } {
  const made = new NodeWorld();
  made.addTopic("t");
  const slow = made.client();
  libc.setsockopt(made.node.connections[0]!.fd, SOL_SOCKET, SO_SNDBUF, 16384);
  libc.setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, 16384);
  const quick = made.client();
  for (const batch of BATCHES) quick.ask(frames.produce(0, batch));
  slow.send(frames.fetch(0, 0, { maxBytes: 1048576 }, 1));
  made.until(() => made.node.connections[0]!.writeArmed, "the socket is full");
  return { made, slow, quick };
}

/** From now on no page is in the cache, as far as anybody asks; or every page. */
function isCold(made: NodeWorld, cold: boolean): void {
  const { plan } = made.faulty;
  made.faulty.plan = (call, args) => {
    if (call === "preadv2") return cold ? -EAGAIN : 1;
    return plan(call, args);
  };
}

/** The client takes what it gets until the broker has to ask for more. */
function waitsForDisk(made: NodeWorld, slow: NodeClient, time: number = 1): void {
  const connection = made.node.connections[0]!;
  made.until(() => {
    if (!connection.waitsForDisk) slow.take();
    return connection.diskWaits === time && made.node.coldReads.postedBytes > 0;
  }, "it waits for the disk");
}

/** The client is reset while it waits for the disk. */
function leaves(made: NodeWorld, slow: NodeClient): void {
  isCold(made, true);
  const some = libc.allocate(2000);
  made.until(() => {
    if (!made.node.connections[0]!.waitsForDisk) {
      libc.recv(slow.fd, some, 0, some.size, MSG_DONTWAIT);
    }
    return made.node.coldReads.postedBytes > 0;
  }, "it waits for the disk");
  slow.close(); // with bytes unread: a reset
  made.until(() => made.node.openConnections === 1, "the broker sees the end");
}

/**
 * Does what the worker was asked for, as a worker would, until somebody waits anew: every read with
 * this result, or whole.
 */
function work(made: NodeWorld, result: number): void {
  const { jobs, node } = made;
  const waker = new Waker(libc, jobs.wakeFd);
  const job = emptyJob();
  const { waits } = node.coldReads.counters;
  while (jobs.pending > 0 && node.coldReads.counters.waits === waits) {
    jobs.take(job);
    jobs.done(job.kind === READ_JOB && result === 0 ? job.size : result);
    waker.raise();
    if (job.kind === READ_JOB && result < 0) return;
    made.turns(2);
  }
}
