/** Reading up to limits: what is given, and where the next request goes on. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readBatches, readRecords } from "../../../../src/admin/records/read_records.ts";
import type { Begin } from "../../../../src/admin/records/start.ts";
import { Connection } from "../../../../src/client/connection.ts";
import { JsonWriter } from "../../../../src/client/json_writer.ts";
import { batchOf } from "../../../support/batches.ts";
import { FakeBroker } from "../../client/fake_broker.ts";

const LIMITS = { records: 100, bytes: 1_000_000, waitMs: 0 };
const fake = await FakeBroker.start();
const connection = await Connection.connect(fake.address);
after(async () => {
  connection.close();
  await fake.stop();
});

/** Offsets 0 to 8 in batches of three. */
for (let batch = 0; batch < 3; batch += 1) {
  fake.append(batchOf([0, 1, 2].map((at) => new TextEncoder().encode(`v${3 * batch + at}`))));
}

function from(offset: number): Begin {
  const partitions = [{ visibleEnd: fake.visibleEnd }] as unknown as Begin["partitions"];
  return { positions: new Map([[0, offset]]), tag: "01234567", partitions };
}

async function read(offset: number, limits: Partial<typeof LIMITS> = {}): Promise<string> {
  const all = { ...LIMITS, ...limits };
  const out = new JsonWriter();
  const sink = { out, between: "," };
  const { records, positions } = await readRecords(connection, "t", from(offset), all, sink);
  const list: { value: string }[] = JSON.parse(`[${new TextDecoder().decode(out.take())}]`);
  assert.equal(records, list.length);
  const values = list.map(({ value }) => value).join("");
  return `${values} ${positions.get(0)}`;
}

test("from any offset, as many as are wanted", async () => {
  assert.equal(await read(0), "v0v1v2v3v4v5v6v7v8 9");
  assert.equal(await read(4), "v4v5v6v7v8 9");
  for (let records = 1; records <= 9; records += 1) {
    const values = Array.from({ length: records }, (_, at) => `v${at}`).join("");
    assert.equal(await read(0, { records }), `${values} ${records}`);
  }
  assert.equal(await read(0, { bytes: 1 }), "v0 1", "one at least");
  assert.equal(await read(9), " 9");
});

test("where there is nothing it asks once, and waits for as long as it may", async () => {
  const before = fake.named("fetch").length;
  assert.equal(await read(9), " 9");
  assert.equal(fake.named("fetch").length, before, "the end was known");
  assert.equal(await read(9, { waitMs: 5 }), " 9");
  const [asked] = fake.named("fetch").slice(before);
  assert.equal(asked!.body.readUInt32BE(12), 5);
});

test("batches are whole, from the one that holds the offset on", async () => {
  const { bytes, positions } = await readBatches(connection, "t", [0, 4], LIMITS);
  assert.deepEqual([...bytes], [...fake.batches[1]!]);
  assert.equal(positions.get(0), 6);
});
