/**
 * A log that is not in the page cache, on the real disk: the bytes that come are right, `stats`
 * says that they were read, and a client beside is served meanwhile. Also after a start, when the
 * indexes are cold too, and where cachestat is not to be had.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, O_RDONLY, POSIX_FADV_DONTNEED } from "../../ffi/constants.ts";
import { concat, encodeBatch, encodeRecord, sameBytes } from "../support/batches.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { fetch, produce } from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { Prng } from "../support/prng.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { skipped } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause } from "../support/until.ts";

const TOPIC = "cold";
const BATCHES = 200;
const VALUE_SIZE = 65536;
const FETCH_BYTES = 1048576;
/** A quarter of the topic. */
const KEPT_PAGES_MAX = BATCHES * VALUE_SIZE / 4096 / 4;
/** Offsets from one cold fetch to the next. */
const SPREAD = 20;
/** Where batches begin in a reply's body, and their base offset and epoch in each of them. */
const HEAD = 16;

for (const method of ["cachestat", "probe"]) {
  test(`cold bytes are read first and then sent, found by ${method}`, async () => {
    const data = temporaryDirectory("cold");
    const settings = { coldReads: { method } };
    let broker = await startBroker({ runtime: BROKER_RUNTIME, data, settings });
    const warm = await fill(broker.port);
    if (!await evict(data)) return skipped("cold reads", "the file system keeps every page");
    sameBytes(await readAll(broker.port), warm, "after the cache was emptied");
    await expectMisses(broker);
    sameBytes(await readAll(broker.port), warm, "and again");
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());

    assert.ok(await evict(data));
    broker = await startBroker({ runtime: BROKER_RUNTIME, data, settings });
    sameBytes(await readAll(broker.port), warm, "after a start, indexes cold");
    await expectMisses(broker);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  });
}

test("a topic is deleted and the broker stops while a client reads cold bytes", async () => {
  const data = temporaryDirectory("cold");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  await fill(broker.port);
  if (!await evict(data)) return skipped("cold reads", "the file system keeps every page");
  const reader = await RawConnection.open(broker.port);
  const { handle } = await reader.ask("open_partition", { topic: TOPIC, partition: 0 });
  const admin = await RawConnection.open(broker.port);
  for (let offset = 0; offset < BATCHES; offset += SPREAD) {
    await reader.send(fetch(handle, offset, { maxBytes: FETCH_BYTES }, offset));
  }
  await admin.ask("delete_topic", { name: TOPIC });
  const answered: number[] = [];
  while (answered.length < BATCHES / SPREAD) answered.push((await reader.reply()).correlation);
  answered.sort((a, b) => a - b);
  const asked = answered.map((_, i) => i * SPREAD);
  assert.deepEqual(answered, asked, "all are answered, with bytes or without");
  const stats = await statsOf(admin);
  assert.ok(stats.get("cold_waits_total")! > 0, "some had to wait for the disk");
  assert.equal(stats.get("cold_reads_failed_total"), 0);
  admin.close();
  reader.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

/** Several segments of random records; returns what a consumer gets of them. */
async function fill(port: number): Promise<Uint8Array> {
  const connection = await RawConnection.open(port);
  const config = [
    { key: "durability", value: "os" },
    { key: "segment.bytes", value: "5000000" },
  ];
  await connection.ask("create_topic", { name: TOPIC, partitions: 1, config });
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const value = new Prng(20261128).bytes(VALUE_SIZE);
  for (let i = 0; i < BATCHES; i += 1) {
    value[i] = i; // no two batches are alike
    const record = encodeRecord({ value }, 0);
    await connection.send(produce(handle, encodeBatch(record, 1)));
    assert.equal((await connection.reply()).code, 0);
  }
  connection.close();
  return await readAll(port);
}

async function readAll(port: number): Promise<Uint8Array> {
  const connection = await RawConnection.open(port);
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const pieces: Uint8Array[] = [];
  let batches = 0;
  while (batches < BATCHES) {
    await connection.send(fetch(handle, batches, { maxBytes: FETCH_BYTES }, batches));
    const { code, body } = await connection.reply();
    assert.equal(code, 0);
    const bytes = body.slice(HEAD);
    assert.ok(bytes.length > 0, "something comes below the end");
    pieces.push(bytes);
    batches += countBatches(bytes);
  }
  connection.close();
  return concat(pieces);
}

function countBatches(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; at += 12 + view.getUint32(at + 8)) count += 1;
  return count;
}

/**
 * Puts the topic's files out of the page cache. False where they stay in it. The kernel keeps pages
 * that a read still fills, and now and then the last MiB that was read for some seconds: most of it
 * is enough.
 */
async function evict(data: string): Promise<boolean> {
  for (let times = 0; times < 100; times += 1) {
    if (evictOnce(data)) return true;
    await pause(10);
  }
  return false;
}

function evictOnce(data: string): boolean {
  const directory = join(data, `${TOPIC}-0`);
  const status = libc.cacheStatus();
  let cached = 0;
  for (const name of readdirSync(directory)) {
    const fd = libc.openat(AT_FDCWD, join(directory, name), O_RDONLY, 0);
    if (fd < 0) continue; // a temporary file of the living broker, renamed meanwhile
    assert.equal(libc.fdatasync(fd), 0);
    libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (libc.cachestat(fd, 0, 0, status) === 0) cached += status.cached;
    libc.close(fd);
  }
  return cached < KEPT_PAGES_MAX;
}

/** How many depends on what the kernel reads ahead by itself; that some do, on the guard alone. */
async function expectMisses(broker: Broker): Promise<void> {
  const connection = await RawConnection.open(broker.port);
  const of = await statsOf(connection);
  connection.close();
  const missed = of.get("cache_miss_bytes_total") ?? 0;
  assert.ok(missed >= FETCH_BYTES / 2, `${missed} bytes were read from the disk`);
  assert.ok((of.get("cold_waits_total") ?? 0) > 0);
  assert.equal(of.get("cold_reads_failed_total"), 0);
  assert.equal(of.get("cold_read_pending_bytes"), 0);
}

async function statsOf(connection: RawConnection): Promise<Map<string, number>> {
  const { counters } = await connection.ask("stats", {});
  return new Map(counters.map(({ name, value }) => [name, value]));
}
