/**
 * The same frames, however they arrive: whole, in two parts cut at every byte, byte by byte, all
 * in one piece. The replies are the same. And bytes that are no frames at all.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError } from "../../src/format/errors.ts";
import { concat } from "../support/batches.ts";
import { comparable, corpus, openForCorpus, prepareCorpus } from "../support/corpus.ts";
import { hello } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { Prng } from "../support/prng.ts";
import type { RawConnection } from "../support/raw_connection.ts";

/** Frames that are sent bent, and connections that send noise. */
const BENT_FRAMES = 2000;
const NOISY_CONNECTIONS = 200;

const live = await LiveBroker.start(prepareCorpus);

/** A second connection: when its ping is answered, the broker has seen what was sent before. */
const other = await live.open();

test("a frame in two parts, cut at every byte, is answered like the whole one", async () => {
  const connection = await openForCorpus(live.broker.port);
  for (const { name, bytes } of corpus()) {
    await connection.send(bytes);
    const whole = comparable(name, await connection.reply());
    for (let cut = 1; cut < bytes.length; cut += 1) {
      await connection.send(bytes.subarray(0, cut));
      await other.ask("ping", {});
      await connection.send(bytes.subarray(cut));
      const parts = comparable(name, await connection.reply());
      assert.deepEqual(parts, whole, `${name} cut at ${cut}`);
    }
  }
  connection.close();
  await live.canary.expectServed();
});

test("byte by byte, all frames are answered like whole ones", async () => {
  const connection = await openForCorpus(live.broker.port);
  const wanted = await repliesTo(connection, (bytes) => connection.send(bytes));
  const bytewise = await repliesTo(connection, async (bytes) => {
    for (let at = 0; at < bytes.length; at += 1) {
      await connection.send(bytes.subarray(at, at + 1));
      await other.ask("ping", {});
    }
  });
  assert.deepEqual(bytewise, wanted);
  connection.close();
});

test("all frames in one piece, and cut in the middle of it, are answered each", async () => {
  const connection = await openForCorpus(live.broker.port);
  const samples = corpus();
  const wanted = await repliesTo(connection, (bytes) => connection.send(bytes));
  const all = concat(samples.map(({ bytes }) => bytes));
  for (let cut = 1; cut <= all.length; cut += 7) {
    await connection.send(all.subarray(0, cut));
    await other.ask("ping", {});
    await connection.send(all.subarray(cut));
    const replies: unknown[] = [];
    for (let i = 0; i < samples.length; i += 1) {
      const reply = await connection.reply();
      // A durable produce may be overtaken, so the correlation says whose reply it is.
      const index = samples.findIndex(({ correlation }) => correlation === reply.correlation);
      replies[index] = comparable(samples[index]?.name ?? "", reply);
    }
    assert.deepEqual(replies, wanted, `cut at ${cut}`);
  }
  connection.close();
  await live.canary.expectServed();
});

test("frames with bytes changed by chance are answered or end their connection", async () => {
  const prng = new Prng(20260101);
  const samples = corpus();
  let connection = await openForCorpus(live.broker.port);
  let ended = 0;
  for (let i = 0; i < BENT_FRAMES; i += 1) {
    const { bytes } = prng.pick(samples);
    const bent = bytes.slice();
    // The size stays: otherwise this would mostly test how long a missing byte is waited for.
    const changes = prng.between(1, 4);
    for (let k = 0; k < changes; k += 1) bent[prng.between(4, bent.length - 1)] = prng.below(256);
    await connection.send(bent);
    // Behind it a ping: produce with acks 0 has no reply of its own.
    await connection.ask("ping", {}).catch(() => {});
    connection.close();
    ended += 1;
    if (ended % 100 === 0) await live.canary.expectServed();
    connection = await openForCorpus(live.broker.port);
  }
  connection.close();
  await live.canary.expectServed();
});

test("noise is answered by a typed error or not at all", async () => {
  const prng = new Prng(20260102);
  for (let i = 0; i < NOISY_CONNECTIONS; i += 1) {
    const connection = await live.connect();
    if (prng.chance(50)) {
      await connection.send(hello());
      await connection.reply();
    }
    await connection.send(prng.bytes(prng.between(1, 20000)));
    connection.endSending();
    for (;;) {
      const reply = await connection.replyOrEnd();
      if (reply === null) break;
      assert.notEqual(describeError(reply.code).name, "unknown", `seed of connection ${i}`);
    }
    connection.close();
  }
  other.close();
  await live.canary.expectServed();
});

/** Sends the frames one after another and waits for each reply. */
async function repliesTo(
  connection: RawConnection,
  send: (bytes: Uint8Array) => Promise<void>,
): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (const { name, bytes } of corpus()) {
    await send(bytes);
    replies.push(comparable(name, await connection.reply()));
  }
  return replies;
}
