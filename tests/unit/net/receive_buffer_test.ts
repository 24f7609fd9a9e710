/** Frames from real sockets: however they are cut, and however large, each comes out whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { EAGAIN } from "../../../ffi/constants.ts";
import type { Memory } from "../../../ffi/libc.ts";
import { BlockPool } from "../../../src/base/pool.ts";
import {
  BLOCK_GROWTH,
  BLOCK_SIZE_MIN,
  LARGE_FRAME_SIZE,
  RECEIVE_SIZE,
} from "../../../src/limits.ts";
import { PEER_CLOSED, ReceiveBuffer } from "../../../src/net/receive_buffer.ts";
import { concat, sameBytes } from "../../support/batches.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { forSeeds, Prng } from "../../support/prng.ts";
import { sendWhole, socketPair } from "../../support/sockets.ts";

function newPool(): BlockPool<Memory> {
  return new BlockPool<Memory>((size) => libc.allocate(size), BLOCK_SIZE_MIN, 16777216, 1048576);
}

/** u32 size of what follows, then random bytes. */
function frameOf(prng: Prng, size: number): Uint8Array {
  const bytes = prng.bytes(size);
  new DataView(bytes.buffer).setUint32(0, size - 4);
  return bytes;
}

/** What a protocol does: takes whole frames, says how large the partial one is. */
function parse(buffer: ReceiveBuffer, into: Uint8Array[]): void {
  while (buffer.unparsed >= 4) {
    const size = buffer.block!.view.getUint32(buffer.parsed) + 4;
    if (buffer.unparsed < size) {
      buffer.frameSize = size;
      return;
    }
    into.push(buffer.block!.bytes.slice(buffer.parsed, buffer.parsed + size));
    buffer.consume(size);
  }
  buffer.frameSize = 0;
}

/** A turn: one recv, frames parsed, then compacted. False when nothing was there. */
function turn(buffer: ReceiveBuffer, fd: number, into: Uint8Array[]): boolean {
  if (buffer.wantedSize > 0) buffer.grow(buffer.wantedSize);
  const took = buffer.receive(libc, fd);
  if (took === -EAGAIN) {
    buffer.compact();
    return false;
  }
  assert.ok(took > 0);
  parse(buffer, into);
  buffer.compact();
  return true;
}

test("two frames cut at every byte", () => {
  const prng = new Prng(1);
  const frames = [frameOf(prng, 40), frameOf(prng, 25)];
  const bytes = concat(frames);
  const pair = socketPair();
  const buffer = new ReceiveBuffer(newPool());
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const got: Uint8Array[] = [];
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) {
      sendWhole(pair.far, piece);
      let size = piece.length;
      while (size > 0) {
        const before = buffer.unparsed + got.reduce((sum, frame) => sum + frame.length, 0);
        turn(buffer, pair.near, got);
        size -= buffer.unparsed + got.reduce((sum, frame) => sum + frame.length, 0) - before;
      }
    }
    assert.deepEqual(got, frames, `cut at ${cut}`);
    assert.equal(buffer.block, null, "between turns an empty buffer holds no block");
  }
  pair.close();
});

test("random frames, small and large, in random pieces", () => {
  forSeeds(15, (prng) => {
    const pool = newPool();
    const buffer = new ReceiveBuffer(pool);
    const pair = socketPair(prng.pick([0, 4096]));
    const sizes = [5, 100, 100, 3000, LARGE_FRAME_SIZE, LARGE_FRAME_SIZE + 1, RECEIVE_SIZE, 400000];
    const frames = Array.from({ length: 20 }, () => frameOf(prng, prng.pick(sizes)));
    const bytes = concat(frames);
    const memory = libc.allocate(bytes.length);
    memory.bytes.set(bytes);
    const got: Uint8Array[] = [];
    let sent = 0;
    for (let step = 0; got.length < frames.length; step += 1) {
      assert.ok(step < 1000000, "it gets on");
      const size = Math.min(prng.pick([1, 50, 5000, 200000]), bytes.length - sent);
      if (size > 0) sent += Math.max(0, libc.send(pair.far, memory, sent, size, 0));
      turn(buffer, pair.near, got);
    }
    frames.forEach((frame, i) => sameBytes(got[i]!, frame, `frame ${i}`));
    assert.equal(buffer.block, null);
    assert.equal(pool.lentBytes, 0);
    pair.close();
  });
});

test("a large frame is received alone, so that nothing behind it needs moving", () => {
  const faulty = new FaultyLibc(libc);
  const asked: number[] = [];
  faulty.plan = (call, args) => {
    if (call === "recv") asked.push(args[3] as number);
    return undefined;
  };
  const pair = socketPair();
  const buffer = new ReceiveBuffer(newPool());
  sendWhole(pair.far, frameOf(new Prng(1), 300000).slice(0, 1000));
  buffer.receive(faulty.libc, pair.near);
  parse(buffer, []);
  buffer.compact();
  buffer.receive(faulty.libc, pair.near);
  assert.deepEqual(asked, [RECEIVE_SIZE, RECEIVE_SIZE - 1000]);
  assert.equal(buffer.block!.size, RECEIVE_SIZE, "no more than has arrived asks for");
  buffer.release();
  pair.close();
});

test("a block grows with what has arrived, not with what a header declares", () => {
  const pool = newPool();
  const buffer = new ReceiveBuffer(pool);
  const pair = socketPair();
  const size = 12000000;
  const frame = frameOf(new Prng(3), size);
  const memory = libc.allocate(size);
  memory.bytes.set(frame);
  const got: Uint8Array[] = [];
  let sent = 0;
  while (got.length === 0) {
    if (sent < size) sent += Math.max(0, libc.send(pair.far, memory, sent, size - sent, 0));
    const arrived = buffer.received;
    turn(buffer, pair.near, got);
    const bound = Math.max(RECEIVE_SIZE, 2 * BLOCK_GROWTH * arrived);
    if (buffer.block !== null) assert.ok(buffer.block.size <= bound, `${arrived} had arrived`);
  }
  sameBytes(got[0]!, frame, "the frame");
  pair.close();
});

test("a partial frame that does not go on settles in a block of its size, and may go on", () => {
  const pool = newPool();
  const buffer = new ReceiveBuffer(pool);
  const pair = socketPair();
  const frame = frameOf(new Prng(4), 300000);
  sendWhole(pair.far, frame.slice(0, 3000));
  while (buffer.unparsed < 3000) turn(buffer, pair.near, []);
  buffer.settle();
  assert.equal(pool.lentBytes, 4096);
  const got: Uint8Array[] = [];
  for (let at = 3000; at < frame.length; at += 1000) {
    sendWhole(pair.far, frame.slice(at, at + 1000));
    while (got.length === 0 && buffer.received < at + 1000) turn(buffer, pair.near, got);
  }
  sameBytes(got[0]!, frame, "the frame");
  buffer.settle();
  assert.equal(pool.lentBytes, 0);
  pair.close();
});

test("frames parsed in a turn stay where they are until it compacts", () => {
  const pair = socketPair();
  const buffer = new ReceiveBuffer(newPool());
  const prng = new Prng(2);
  const frames = [frameOf(prng, 30), frameOf(prng, 40)];
  sendWhole(pair.far, concat([...frames, Uint8Array.of(0, 0)]));
  while (buffer.unparsed < 72) buffer.receive(libc, pair.near);
  parse(buffer, []);
  sameBytes(buffer.block!.bytes.slice(0, 70), concat(frames), "still there");
  assert.throws(() => buffer.receive(libc, pair.near), "compacted first");
  buffer.compact();
  assert.deepEqual([buffer.parsed, buffer.received], [0, 2]);
  assert.throws(() => buffer.consume(3));
  buffer.release();
  pair.close();
});

test("the end of the stream and an empty socket are told apart", () => {
  const pair = socketPair();
  const buffer = new ReceiveBuffer(newPool());
  assert.equal(buffer.receive(libc, pair.near), -EAGAIN);
  libc.shutdown(pair.far, 1);
  let took = buffer.receive(libc, pair.near);
  while (took === -EAGAIN) took = buffer.receive(libc, pair.near);
  assert.equal(took, PEER_CLOSED);
  buffer.compact();
  assert.equal(buffer.block, null);
  pair.close();
});
