/**
 * A reader that takes a few bytes at a time through a tiny receive buffer: memory and file slices
 * in turn arrive as they were queued, however the sends are cut; and nobody else waits for it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { concat, encodeBatch, encodeRecord } from "../support/batches.ts";
import { fetch, hello, produce, request } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { Prng } from "../support/prng.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { narrowSocket, sendWhole } from "../support/sockets.ts";
import { pause } from "../support/until.ts";

const TOPIC = "slow";
const BATCHES = 24;
const VALUE_SIZE = 250_000;
/** Seven batches; a reply takes one segment at the most. */
const SEGMENT_SIZE = 2_000_000;
const BATCHES_IN_REPLIES = 21;
const STALLED_READERS = 20;

const live = await LiveBroker.start(async (port) => {
  const connection = await RawConnection.open(port);
  const config = [
    { key: "durability", value: "os" },
    { key: "segment.bytes", value: String(SEGMENT_SIZE) },
  ];
  await connection.ask("create_topic", { name: TOPIC, partitions: 1, config });
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const prng = new Prng(20260103);
  for (let i = 0; i < BATCHES; i += 1) {
    const record = encodeRecord({ value: prng.bytes(VALUE_SIZE) }, 0);
    await connection.send(produce(handle, encodeBatch(record, 1)));
    assert.equal((await connection.reply()).code, 0);
  }
  connection.close();
  // Without the guard: a fetch that waits for the disk would be overtaken by the others' replies.
}, { coldReads: { guard: false } });

/** Replies `mem, file, mem, file, mem, file, mem`, all of one turn, and what stands before them. */
const conversation = concat([
  hello(),
  request("open_partition", { topic: TOPIC, partition: 0 }),
  fetch(0, 0, { maxBytes: SEGMENT_SIZE }, 3),
  request("metadata", { topics: [{ name: TOPIC }] }, 4),
  fetch(0, 7, { maxBytes: SEGMENT_SIZE }, 5),
  fetch(0, 14, { maxBytes: SEGMENT_SIZE }, 6),
  request("ping", {}, 7),
]);
const REPLIES = 7;

for (const receiveBuffer of [4096, 16384, 65536]) {
  test(`replies arrive intact through a receive buffer of ${receiveBuffer} bytes`, async () => {
    const wanted = await readQuickly();
    const before = await live.stats();
    const got = await readSlowly(receiveBuffer, wanted.length);
    assert.ok(got.every((byte, at) => byte === wanted[at]), "every byte in its place");
    const after = await live.stats();
    const fileBytes = (after.get("sent_file_bytes_total") ?? 0) -
      (before.get("sent_file_bytes_total") ?? 0);
    const calls = (after.get("sendfile_calls_total") ?? 0) -
      (before.get("sendfile_calls_total") ?? 0);
    assert.ok(fileBytes > BATCHES_IN_REPLIES * VALUE_SIZE, "the payload left by sendfile");
    assert.ok(calls > 8, `it did not fit the buffers at once: ${calls} calls of sendfile`);
    await live.expectUnharmed();
  });
}

test("readers that never read hold up nobody, and leave nothing when they go", async () => {
  const sockets = Array.from({ length: STALLED_READERS }, () => connect(4096));
  for (const socket of sockets) sendWhole(socket, conversation);
  await live.canary.expectServed();
  await live.canary.expectServed();
  for (const socket of sockets) libc.close(socket);
  await live.expectUnharmed();
});

/** All replies as bytes, by an ordinary reader. */
async function readQuickly(): Promise<Uint8Array> {
  const connection = await live.connect();
  await connection.send(conversation);
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < REPLIES; i += 1) pieces.push((await connection.reply()).bytes);
  connection.close();
  return concat(pieces);
}

/** Its reads block, and are the only work of this test while it runs. */
function connect(receiveBuffer: number): number {
  return narrowSocket(live.broker.port, receiveBuffer);
}

async function readSlowly(receiveBuffer: number, size: number): Promise<Uint8Array> {
  const fd = connect(receiveBuffer);
  sendWhole(fd, conversation);
  // Time for the broker to fill every buffer on the way before the first byte is taken.
  await pause(50);
  const prng = new Prng(receiveBuffer);
  const memory = libc.allocate(size);
  for (let at = 0; at < size;) {
    const piece = at < 2000 ? prng.between(1, 16) : prng.between(1, receiveBuffer);
    const took = libc.recv(fd, memory, at, Math.min(piece, size - at), 0);
    assert.ok(took > 0, `the stream ended at ${at} of ${size}`);
    at += took;
    // Now and then the canary has its turn.
    if (prng.chance(1)) await pause(0);
  }
  libc.close(fd);
  return memory.bytes;
}
