/** Sending replies of memory and file slices through a socket that takes little at a time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  AF_INET,
  AT_FDCWD,
  EAGAIN,
  MSG_DONTWAIT,
  O_CREAT,
  O_RDWR,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../ffi/constants.ts";
import type { Memory } from "../../../ffi/libc.ts";
import { SharedFile } from "../../../src/base/file_slice.ts";
import { BlockPool } from "../../../src/base/pool.ts";
import { Reply } from "../../../src/base/reply.ts";
import { SEND_TURN_BYTES } from "../../../src/limits.ts";
import { accept, listenTcp } from "../../../src/net/listener.ts";
import { sendReply, SENT_ALL, SENT_PART, SENT_SHARE } from "../../../src/net/send_queue.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const FILE_SIZE = 300000;
const BUFFER_SIZE = 4096;
const counters = () => ({ sends: 0, sendfiles: 0, memoryBytes: 0, fileBytes: 0 });

test("mem, file, mem, file, mem arrives intact through tiny buffers, however it is cut", () => {
  const { sender, receiver } = sockets();
  const fd = fileOfPattern();
  let closed = 0;
  const file = new SharedFile(fd, (open) => {
    closed += 1;
    libc.close(open);
  });
  const pool = new BlockPool<Memory>((size) => libc.allocate(size), 16384, 1048576, 1048576);
  const reply = new Reply<Memory>(pool);
  const expected: Uint8Array[] = [];
  for (const [position, size] of [[0, 100000], [100001, 199999]] as const) {
    expected.push(pushMemory(reply, 20000, position));
    reply.pushSlice({ file, position, size });
    expected.push(pattern(position, size));
  }
  expected.push(pushMemory(reply, 333, 9));
  file.release(); // the log lets go; what is queued still needs it
  const wanted = concat(expected);
  const got = new Uint8Array(wanted.length);
  const into = libc.allocate(1500);
  const seen = counters();
  let received = 0;
  let parts = 0;
  while (received < wanted.length) {
    const code = reply.isEmpty ? SENT_ALL : sendReply(libc, sender, reply, seen, null);
    assert.ok(code === SENT_ALL || code === SENT_PART, `send ended with ${code}`);
    if (code === SENT_PART) parts += 1;
    const took = libc.recv(receiver, into, 0, 1 + (received % 1499), MSG_DONTWAIT);
    if (took === -EAGAIN) continue;
    assert.ok(took > 0, `recv gave ${took}`);
    assert.ok(received + took <= got.length, "no more than was queued");
    got.set(into.bytes.subarray(0, took), received);
    received += took;
  }
  assert.deepEqual(got, wanted);
  assert.ok(parts > 2, `the socket was full ${parts} times`);
  assert.equal(seen.fileBytes, 299999);
  assert.equal(seen.memoryBytes, 40333);
  assert.equal(closed, 1, "the file is closed once, after its last byte");
  assert.equal(pool.lentBytes, 0, "an empty reply holds no block");
  libc.close(sender);
  libc.close(receiver);
});

test("a peer that is gone is an error, and the reply lets its file go", () => {
  const { sender, receiver } = sockets();
  let closed = 0;
  const file = new SharedFile(fileOfPattern(), (open) => {
    closed += 1;
    libc.close(open);
  });
  const pool = new BlockPool<Memory>((size) => libc.allocate(size), 16384, 1048576, 1048576);
  const reply = new Reply<Memory>(pool);
  reply.pushSlice({ file, position: 0, size: FILE_SIZE });
  file.release();
  libc.close(receiver);
  let code: number = SENT_PART;
  for (let i = 0; i < 100000 && code === SENT_PART; i += 1) {
    code = sendReply(libc, sender, reply, counters(), null);
  }
  assert.ok(code < 0, `send ended with ${code}`);
  reply.clear();
  assert.equal(closed, 1);
  libc.close(sender);
});

test("a call sends a share, however quick the reader is", () => {
  const pool = new BlockPool<Memory>((size) => libc.allocate(size), 16384, 1048576, 1048576);
  const reply = new Reply<Memory>(pool);
  const file = new SharedFile(fileOfPattern(), (fd) => libc.close(fd));
  const faulty = new FaultyLibc(libc);
  // A socket that takes whatever it is given.
  faulty.plan = (call, args) => {
    if (call === "send" || call === "sendfile") return args[3] as number;
    return undefined;
  };
  for (let i = 0; i < 10; i += 1) {
    pushMemory(reply, 20, i);
    reply.pushSlice({ file, position: 0, size: FILE_SIZE });
  }
  reply.pushSlice({ file, position: 0, size: 5 * SEND_TURN_BYTES });
  const all = reply.pendingBytes;
  let shares = 0;
  for (let left = all;; left = reply.pendingBytes) {
    const code = sendReply(faulty.libc, 99, reply, counters(), null);
    const share = left - reply.pendingBytes;
    assert.ok(share <= 2 * SEND_TURN_BYTES, `${share} bytes at once`);
    if (code === SENT_ALL) break;
    assert.equal(code, SENT_SHARE);
    assert.ok(share >= SEND_TURN_BYTES);
    shares += 1;
  }
  assert.ok(shares >= 4, `${shares} shares of ${all} bytes`);
  assert.equal(pool.lentBytes, 0);
  file.release();
});

function pushMemory(reply: Reply<Memory>, size: number, seed: number): Uint8Array {
  const bytes = pattern(seed, size);
  const at = reply.reserve(size);
  reply.block!.bytes.set(bytes, at);
  return bytes;
}

/** A connected pair with buffers as small as the kernel allows. */
function sockets(): { sender: number; receiver: number } {
  const listener = listenTcp(libc, "127.0.0.1", 0);
  libc.setsockopt(listener.fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
  const receiver = libc.socket(AF_INET, SOCK_STREAM, 0);
  libc.setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
  assert.equal(libc.connect(receiver, listener.address), 0);
  const sender = accept(libc, listener);
  assert.ok(sender >= 0);
  libc.close(listener.fd);
  return { sender, receiver };
}

function fileOfPattern(): number {
  const path = `${temporaryDirectory("send")}/slices`;
  const fd = libc.openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600);
  const memory = libc.allocate(FILE_SIZE);
  memory.bytes.set(pattern(0, FILE_SIZE));
  assert.equal(libc.pwrite(fd, memory, 0, FILE_SIZE, 0), FILE_SIZE);
  return fd;
}

function pattern(from: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => ((from + i) * 31 + ((from + i) >> 8)) & 255);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
