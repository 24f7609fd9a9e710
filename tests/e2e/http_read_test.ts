/**
 * Records that are read over HTTP on a running broker: as JSON, as lines and as batches.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Connection } from "../../src/client/connection.ts";
import { HTTP_DECOMPRESSED_SIZE_MAX } from "../../src/limits.ts";
import { operation } from "../../src/native/operations.ts";
import { encodeBatch } from "../support/batches.ts";
import { startBroker } from "../support/broker.ts";
import { EventReader, type ServerEvent } from "../support/event_stream.ts";
import { HttpDoor, type Question } from "../support/http.ts";
import { untagged } from "../support/http_streams.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { within } from "../support/until.ts";

/** As it stands in the attributes of a batch. */
const GZIP = 1;

const data = join(temporaryDirectory("read"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

interface Problem {
  name: string;
  issues: { at: string }[];
}

async function create(name: string, partitions = 1): Promise<string> {
  await door.json(201, { method: "POST", target: "/v1/topics", body: { name, partitions } });
  return `/v1/topics/${name}/records`;
}

async function produce(target: string, body: object): Promise<void> {
  await door.json(200, { method: "POST", target, body });
}

async function refused(status: number, question: Question): Promise<Problem> {
  return await door.json(status, question) as Problem;
}

test("from every kind of place, in pieces that fit together", async () => {
  const target = await create("read", 3);
  const times = [1000, 2000, 3000];
  const list = times.flatMap((timestamp) => {
    return [0, 1, 2].map((partition) => ({ partition, timestamp, value: `${timestamp}` }));
  });
  await produce(target, list);
  const read = async (query: string) => {
    const { records, next } = await door.get(`${target}?${query}`) as {
      records: { partition: number; offset: number }[];
      next: string;
    };
    return [
      records.map(({ partition, offset }) => `${partition}:${offset}`).join(" "),
      untagged(next),
    ];
  };
  assert.deepEqual(await read(""), ["0:0 0:1 0:2 1:0 1:1 1:2 2:0 2:1 2:2", "0:3,1:3,2:3"]);
  assert.deepEqual(await read("from=latest"), ["", "0:3,1:3,2:3"]);
  assert.deepEqual(await read("from=2"), ["0:2 1:2 2:2", "0:3,1:3,2:3"]);
  const time = "1970-01-01T00:00:02Z";
  assert.deepEqual(await read(`from=${time}&partitions=1`), ["1:1 1:2", "1:3"]);
  assert.deepEqual(await read("from=0:2,1:0,2:3"), ["0:2 1:0 1:1 1:2", "0:3,1:3,2:3"]);
  assert.deepEqual(await read("from=1:2"), ["0:0 0:1 0:2 1:2 2:0 2:1 2:2", "0:3,1:3,2:3"]);
  assert.deepEqual(await read("maxBytes=1"), ["0:0", "0:1,1:0,2:0"]);
  const seen: string[] = [];
  let from = "earliest";
  for (let part = 0; part < 3; part += 1) {
    const [found = "", next = ""] = await read(`from=${from}&maxRecords=3`);
    seen.push(found);
    from = next;
  }
  assert.deepEqual(seen, ["0:0 1:0 2:0", "0:1 1:1 2:1", "0:2 1:2 2:2"]);
});

test("as lines, and as the batches that lie on disk", async () => {
  const target = "/v1/topics/read/records";
  const lines = await door.ask({ target, headers: { accept: "application/x-ndjson" } });
  assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
  const offsets = lines.text.trimEnd().split("\n").map((line) => JSON.parse(line).offset);
  assert.deepEqual(offsets, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
  assert.equal(untagged(lines.headers.get("sluice-next")!), "0:3,1:3,2:3");
  const accept = { accept: "application/octet-stream" };
  const batches = await door.bytes({ target: `${target}?partitions=1&from=1`, headers: accept });
  assert.equal(batches.headers.get("content-type"), "application/octet-stream");
  assert.equal(untagged(batches.headers.get("sluice-next")!), "1:3");
  const { body } = batches;
  assert.equal(body.readUInt32BE(8) + 12 <= body.length, true, "whole batches");
  assert.equal(body.readInt8(16), 2, "of record format 2");
  const { partitions } = await door.get("/v1/topics/read") as {
    partitions: { sizeBytes: number }[];
  };
  assert.equal(body.length, partitions[1]!.sizeBytes, "as they lie on disk");
  const many = await refused(400, { target, headers: accept });
  assert.equal(many.issues[0]!.at, "query.partitions");
  const html = await refused(406, { target, headers: { accept: "text/html, image/*" } });
  assert.equal(html.name, "http_not_acceptable");
});

test("bytes that are no text come as base64 and go back as they were", async () => {
  const target = await create("bytes");
  const value = Buffer.from([0xff, 0, 0x80]).toString("base64");
  await produce(target, { valueBase64: value, keyBase64: value });
  const { records } = await door.get(target) as { records: object[] };
  await produce(target, records);
  const { records: both } = await door.get(target) as { records: Record<string, unknown>[] };
  assert.deepEqual(both.map(({ keyBase64, valueBase64 }) => [keyBase64, valueBase64]), [
    [value, value],
    [value, value],
  ]);
});

test("a batch that is small until it is decompressed is refused, not what is behind", async () => {
  const target = await create("bomb");
  const address = { host: "127.0.0.1", port: broker.port };
  const connection = await Connection.connect(address);
  const partition = { topic: "bomb", partition: 0 };
  const { handle } = await connection.request(operation("open_partition"), partition);
  const records = gzipSync(new Uint8Array(HTTP_DECOMPRESSED_SIZE_MAX + 1));
  assert.ok(records.length < 100_000);
  const batch = encodeBatch(records, 1, { attributes: GZIP });
  const reserved = { reserved: 0, reserved2: 0 };
  await connection.request(operation("produce"), { handle, acks: 255, ...reserved, batch });
  connection.close();
  await produce(target, { value: "behind" });
  const found = await refused(500, { target });
  assert.equal(found.name, "storage_failed");
  const { records: behind } = await door.get(`${target}?from=1`) as { records: object[] };
  assert.equal(behind.length, 1);
  const events: ServerEvent[] = [];
  const stream = "/v1/topics/bomb/stream?from=earliest";
  const reader = new EventReader({ door, target: stream, taken: (event) => events.push(event) });
  assert.equal(await within("the end of the stream", reader.ended), true);
  assert.deepEqual([events[0]!.type, untagged(events[0]!.id)], ["problem", "0:0"]);
});

test("a reader that waits hears of the first record, and holds up nobody", async () => {
  const target = await create("waiting", 2);
  const waiting = door.get(`${target}?from=latest&waitMs=30000`);
  const other = door.get(`${target}?from=latest&waitMs=30000`);
  const none = async (query: string): Promise<string> => {
    const { records, next } = await door.get(target + query) as { records: object[]; next: string };
    assert.deepEqual(records, []);
    return untagged(next);
  };
  assert.equal(await none(""), "0:0,1:0");
  await produce(target, { partition: 1, value: "v" });
  for (const reader of [waiting, other]) {
    const { records, next } = await reader as { records: object[]; next: string };
    assert.deepEqual([records.length, untagged(next)], [1, "0:0,1:1"]);
  }
  assert.equal(await none("?from=latest&waitMs=20"), "0:0,1:1");
});

test("a place that is not there is told as such, and so is what is no place", async () => {
  const target = "/v1/topics/read/records";
  const far = await refused(409, { target: `${target}?from=4` });
  assert.equal(far.name, "offset_out_of_range");
  await door.json(200, {
    method: "DELETE",
    target: "/v1/topics/read/partitions/0/records?before=2",
  });
  assert.equal(
    (await refused(409, { target: `${target}?from=0:1` })).name,
    "offset_out_of_range",
  );
  const none = await refused(404, { target: `${target}?partitions=3` });
  assert.equal(none.name, "partition_not_found");
  assert.equal((await refused(404, { target: "/v1/topics/no/records" })).name, "topic_not_found");
  const cases: [query: string, at: string][] = [
    ["from=", "query.from"],
    ["from=-1", "query.from"],
    ["from=0:1,0:2", "query.from"],
    ["from=1:0,0:0", "query.from"],
    ["from=0:9007199254740993", "query.from"],
    ["from=yesterday", "query.from"],
    ["from=1:0&partitions=0", "query.from"],
    ["partitions=", "query.partitions"],
    ["partitions=0,,1", "query.partitions"],
    ["partitions=1024", "query.partitions"],
    ["maxRecords=0", "query.maxRecords"],
    ["maxRecords=10001", "query.maxRecords"],
    ["maxBytes=4194305", "query.maxBytes"],
    ["waitMs=30001", "query.waitMs"],
    ["more=1", "query"],
  ];
  for (const [query, at] of cases) {
    const { issues } = await refused(400, { target: `${target}?${query}` });
    assert.ok(issues.some((issue) => issue.at === at), `${query}: ${JSON.stringify(issues)}`);
  }
});
