/** Much more than the bound of all topics allows, at full speed, into a real broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/base/units.ts";
import { Client } from "../../src/client/mod.ts";
import { startBroker } from "../support/broker.ts";
import { occupiedBytes } from "../support/occupied.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LIMIT = 40 * MiB;
const RECORDS = 2400;
const RECORD_SIZE = 50_000;
const AT_ONCE = 40;

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
