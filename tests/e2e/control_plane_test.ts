/**
 * Topics and the broker are changed while it serves, and a kill right behind the answer changes
 * nothing of it; connections are listed and ended; an older catalogue is read.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import {
  type CatalogueContent,
  decodeCatalogue,
  encodeCatalogue,
} from "../../src/log/catalogue.ts";
import { batchOfSize } from "../support/batches.ts";
import * as frames from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function start(data: string, flags: readonly string[] = []): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data, flags });
}

async function code(client: RawConnection, frame: Uint8Array): Promise<number> {
  await client.send(frame);
  return (await client.reply()).code;
}

async function configOf(client: RawConnection, name: string): Promise<Map<string, string>> {
  const { topics } = await client.ask("metadata", { topics: [{ name }] });
  return new Map(topics[0]!.config.map(({ key, value }) => [key, value]));
}

test("settings and partitions that were answered are there after a kill", async () => {
  const data = join(temporaryDirectory("plane"), "d");
  const broker = await start(data);
  const client = await RawConnection.open(broker.port);
  await client.ask("create_topic", { name: "t", partitions: 1, config: [] });
  const open = async (partition: number) => {
    return (await client.ask("open_partition", { topic: "t", partition })).handle;
  };
  const first = await open(0);
  assert.equal(await code(client, frames.produce(first, batchOfSize(600))), ErrorCodes.none);
  const set = [{ key: "durability", value: "os" }, { key: "max.message.bytes", value: "500" }];
  await client.ask("alter_topic", { name: "t", set, unset: [] });
  const refused = await code(client, frames.produce(first, batchOfSize(600)));
  assert.equal(refused, ErrorCodes.batch_too_large, "in force when it is answered");
  await client.ask("add_partitions", { name: "t", partitions: 3 });
  const third = await open(2);
  await client.send(frames.produce(third, batchOfSize(100), 77));
  const reply = await client.reply();
  assert.deepEqual([reply.code, reply.body[8]], [ErrorCodes.none, 1], "level os, and it says so");
  await client.ask("alter_topic", {
    name: "t",
    set: [{ key: "durability", value: "fsync" }],
    unset: [{ key: "max.message.bytes" }],
  });
  await client.send(frames.produce(third, batchOfSize(100), 78));
  assert.equal((await client.reply()).body[8], 3, "level fsync");
  await client.ask("add_partitions", { name: "t", partitions: 4 });
  await broker.kill();

  const next = await start(data);
  const again = await RawConnection.open(next.port);
  const { topics } = await again.ask("describe_topic", { topics: [] });
  const described = topics[0]!.partitions.map(({ state, logEnd }) => [state, logEnd]);
  assert.deepEqual(described, [[0, 1], [0, 0], [0, 2], [0, 0]]);
  const config = await configOf(again, "t");
  assert.deepEqual([config.get("durability"), config.get("max.message.bytes")], [
    "fsync",
    "1048588",
  ]);
  assert.deepEqual(await next.stop(), { code: 0, signal: null }, next.stderr());
});

test("settings of the broker are changed while it runs and go over its command line", async () => {
  const data = join(temporaryDirectory("plane"), "d");
  const flags = ["--connections-max", "50"];
  const broker = await start(data, flags);
  const client = await RawConnection.open(broker.port);
  const value = async (from: RawConnection, key: string) => {
    const { entries } = await from.ask("describe_config", {});
    const { value, source } = entries.find((entry) => entry.key === key)!;
    return [value, source];
  };
  assert.deepEqual(await value(client, "connections.max"), ["50", 3]);
  const missing = { topic: "t", partition: 2 };
  const refused = await code(client, frames.request("open_partition", missing));
  assert.equal(refused, ErrorCodes.topic_not_found);
  const set = [
    { key: "auto.create.topics.enable", value: "true" },
    { key: "num.partitions", value: "3" },
    { key: "log.retention.ms", value: "-1" },
    { key: "connections.max", value: "60" },
  ];
  await client.ask("alter_config", { set, unset: [] });
  await client.ask("open_partition", missing);
  assert.equal((await configOf(client, "t")).get("retention.ms"), "-1");
  await broker.kill();

  const next = await start(data, flags);
  const again = await RawConnection.open(next.port);
  assert.deepEqual(await value(again, "connections.max"), ["60", 4]);
  await again.ask("open_partition", { topic: "u", partition: 0 });
  assert.equal((await configOf(again, "u")).get("retention.ms"), "-1");
  await again.ask("alter_config", {
    set: [],
    unset: [{ key: "connections.max" }, { key: "log.retention.ms" }],
  });
  assert.deepEqual(await value(again, "connections.max"), ["50", 3]);
  assert.equal((await configOf(again, "u")).get("retention.ms"), "604800000");
  assert.deepEqual(await next.stop(), { code: 0, signal: null }, next.stderr());
});

test("an operator sees who is connected, and ends a connection", async () => {
  const broker = await start(join(temporaryDirectory("plane"), "d"));
  const victim = await RawConnection.open(broker.port);
  const operator = await RawConnection.open(broker.port);
  const { connections } = await operator.ask("connections", {});
  assert.equal(connections.length, 2);
  await operator.ask("close_connection", { id: connections[0]!.id });
  await victim.expectEnd();
  assert.equal((await operator.ask("connections", {})).connections.length, 1);
  const gone = frames.request("close_connection", { id: connections[0]!.id });
  assert.equal(await code(operator, gone), ErrorCodes.connection_not_found);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("clients read the topic of groups and do nothing else to it", async () => {
  const broker = await start(join(temporaryDirectory("plane"), "d"));
  const client = await RawConnection.open(broker.port);
  const name = "__consumer_offsets";
  const refused = [
    frames.request("create_topic", { name, partitions: 1, config: [] }),
    frames.request("alter_topic", { name, set: [], unset: [] }),
    frames.request("add_partitions", { name, partitions: 9 }),
    frames.request("delete_topic", { name }),
  ];
  for (const frame of refused) {
    assert.equal(await code(client, frame), ErrorCodes.topic_is_internal);
  }
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a catalogue of the first version, and settings of a later one, are read", async () => {
  const data = join(temporaryDirectory("plane"), "d");
  const broker = await start(data);
  const client = await RawConnection.open(broker.port);
  await client.ask("create_topic", { name: "t", partitions: 2, config: [] });
  await broker.stop();
  const file = join(data, "catalogue");
  const content = decodeCatalogue(new Uint8Array(readFileSync(file)));
  const topics = content.topics.map(({ state: _, ...definition }) => definition);
  const settings = [{ key: "of.a.later.version", value: "1" }];
  writeFileSync(file, encodeCatalogue({ ...content, topics, settings } as CatalogueContent));
  const next = await start(data);
  const again = await RawConnection.open(next.port);
  await again.ask("add_partitions", { name: "t", partitions: 3 });
  const { topics: described } = await again.ask("describe_topic", { topics: [{ name: "t" }] });
  assert.equal(described[0]!.partitions.length, 3);
  assert.match(next.stderr(), /passed over: "of.a.later.version" cannot be changed/);
  assert.deepEqual(await next.stop(), { code: 0, signal: null }, next.stderr());
  const kept = decodeCatalogue(new Uint8Array(readFileSync(file))).settings;
  assert.deepEqual(kept, settings, "for the version that knows it");
});
