/**
 * A program of a user of Node: `node node_client.mjs PATH_OF_THE_BUILT_CLIENT HOST:PORT`. Says what
 * it did as one line of JSON. Run by tests/e2e/client_node_test.ts.
 */
import assert from "node:assert/strict";
import process from "node:process";
import zlib from "node:zlib";

const [path, broker] = process.argv.slice(2);
assert.equal(typeof globalThis.Bun, "undefined");
assert.equal(typeof globalThis.Deno, "undefined");
const { Client, useZstd } = await import(path);
const client = await Client.connect({ brokers: [broker], clientName: "node" });
const hasZstd = "zstdCompressSync" in zlib;
const codecs = ["none", "gzip", "snappy", "lz4", ...(hasZstd ? ["zstd"] : [])];
await client.admin.createTopic("node", { partitions: 3 });

let refusal = "";
if (!hasZstd) {
  await client.producer({ compression: "zstd" }).catch((error) => {
    assert.equal(error.name, "codec_unavailable");
    refusal = error.hint;
  });
  assert.notEqual(refusal, "");
  useZstd({ compress: (bytes) => bytes, decompress: (bytes) => bytes });
  await (await client.producer({ compression: "zstd" })).close();
  useZstd(null);
}

const sent = new Map();
for (const compression of codecs) {
  const producer = await client.producer({ compression, batchBytes: 10_000 });
  await Promise.all(Array.from({ length: 500 }, async (_, i) => {
    const key = `${compression} ${i}`;
    const headers = { codec: compression };
    const record = { topic: "node", key, value: `value ${i} `.repeat(10), headers };
    const { partition, offset, level } = await producer.send(record);
    assert.equal(level, "fsync");
    sent.set(key, `${partition}/${offset}`);
  }));
  await producer.close();
}

const consumer = await client.consumer({ topics: ["node"] });
let records = 0;
for await (const record of consumer) {
  assert.equal(sent.get(record.keyText()), `${record.partition}/${record.offset}`);
  assert.equal(record.header("codec"), record.keyText().split(" ")[0]);
  assert.match(record.text(), /^(value \d+ ){10}$/);
  records += 1;
  if (records === sent.size) break;
}
await consumer.close();
await assert.rejects(client.admin.createTopic("node"), { name: "topic_exists", code: 21 });
await client.close();
process.stdout.write(`${JSON.stringify({ records, codecs, refusal })}\n`);
