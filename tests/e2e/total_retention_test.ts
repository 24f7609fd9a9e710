/** Much more than the bound of all topics allows, at full speed, into a real broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { MiB } from "../../src/base/units.ts";
import { Client } from "../../src/client/mod.ts";
import { concat } from "../support/batches.ts";
import { startBroker } from "../support/broker.ts";
import { fetch, hello, request } from "../support/frames.ts";
import { occupiedBytes, removedBytes } from "../support/occupied.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { narrowSocket, sendWhole } from "../support/sockets.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const LIMIT = 40 * MiB;
const RECORDS = 2400;
const RECORD_SIZE = 50_000;
const AT_ONCE = 40;
/** Each of them stands in another segment than all others. */
const READERS = 5;
const SEGMENTS_APART = 3;
/** Under such a bound. */
const SEGMENT_RECORDS = 40;

for (const durability of ["fsync", "os"]) {
  test(`level ${durability}: the bound holds, and what is there has no gap`, async () => {
    const data = temporaryDirectory("bound");
    const flags = ["--retention-total", "40MiB"];
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data, flags });
    await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
    for (const topic of ["a", "b"]) {
      await client.admin.createTopic(topic, { config: { durability } });
    }
    const producer = await client.producer();
    const value = new Uint8Array(RECORD_SIZE);
    let most = 0;
    for (let sent = 0; sent < RECORDS; sent += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => {
        return producer.send({ topic: at % 2 === 0 ? "a" : "b", value });
      }));
      most = Math.max(most, occupiedBytes(data));
    }
    assert.ok(most <= LIMIT, `${most} bytes on the disk`);
    assert.ok(most > LIMIT / 2, `no more than ${most} were used`);
    const stats = new Map((await client.admin.stats()).map(({ name, value }) => [name, value]));
    assert.equal(stats.get("retention_limit_bytes"), LIMIT);
    assert.equal(stats.get("disk_refused_batches_total"), 0, "nobody was refused");
    assert.ok(stats.get("segments_deleted_total")! > 10);
    for (const topic of ["a", "b"]) {
      const { first, last } = await ends(client, topic);
      assert.equal(last, RECORDS / 2);
      assert.ok(first > 0 && first < last, `${topic} begins at ${first}`);
    }
    await client.close();
    await broker.stop();
  });
}

test("what is removed and still read counts, however long nobody takes it", async () => {
  const data = temporaryDirectory("held");
  const flags = ["--retention-total", "40MiB"];
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, flags });
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  await client.admin.createTopic("read", { config: { durability: "os" } });
  const producer = await client.producer();
  const value = new Uint8Array(RECORD_SIZE);
  let most = 0;
  const look = (): number => {
    // In this order nothing counts twice: what was removed already has no name any more.
    const removed = removedBytes(data, broker.pid);
    most = Math.max(most, removed + occupiedBytes(data));
    return removed;
  };
  const send = async (records: number): Promise<void> => {
    for (let sent = 0; sent < records; sent += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => {
        return producer.send({ topic: "read", value });
      }));
      look();
    }
  };
  await send((READERS * SEGMENTS_APART + 1) * SEGMENT_RECORDS);
  const stalled = Array.from({ length: READERS }, (_, at) => {
    const fd = narrowSocket(broker.port, 4096);
    const open = request("open_partition", { topic: "read", partition: 0 });
    // The first may leave whole, into the kernel's buffer: it holds nothing.
    const wanted = [0, 1, 2].map((next) => {
      return fetch(0, (at * SEGMENTS_APART + next) * SEGMENT_RECORDS, { maxBytes: 3 * MiB });
    });
    sendWhole(fd, concat([hello(), open, ...wanted]));
    return fd;
  });
  await send(RECORDS / 2);
  const removed = look();
  assert.ok(removed > LIMIT / 4, `${removed} bytes that stalled readers hold`);
  assert.ok(most <= LIMIT, `${most} bytes on the disk`);
  for (const fd of stalled) libc.close(fd);
  await until("what nobody reads any more is freed", () => look() === 0);
  await client.close();
  await broker.stop();
});

/** Retention may go on while it is read: then the consumer is told where it has to go on. */
async function ends(client: Client, topic: string): Promise<{ first: number; last: number }> {
  const left: Set<number> = new Set();
  const onReset = ({ position }: { position: number }): void => void left.add(position);
  const consumer = await client.consumer({ topics: [topic], from: "earliest", onReset });
  let [first, last] = [-1, -1];
  for await (const { offset } of consumer) {
    if (first < 0 || left.has(last)) first = offset;
    else assert.equal(offset, last, "no gap");
    last = offset + 1;
    if (last === RECORDS / 2) break;
  }
  return { first, last };
}
