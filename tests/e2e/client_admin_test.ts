/**
 * The admin against a real broker: what it changes is so afterwards.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("admin"), "d"),
});
const client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`], clientName: "admin" });
const { admin } = client;
after(async () => {
  await client.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("topics are created, altered, enlarged, described and deleted", async () => {
  await admin.createTopic("a", { partitions: 2, config: { durability: "os", "flush.ms": 7 } });
  const setting = async (key: string): Promise<string | undefined> => {
    const [topic] = (await admin.metadata(["a"])).topics;
    return topic?.config.find((entry) => entry.key === key)?.value;
  };
  assert.equal(await setting("flush.ms"), "7");
  await admin.alterTopic("a", { durability: null, "flush.ms": 9 });
  assert.deepEqual([await setting("durability"), await setting("flush.ms")], ["fsync", "9"]);
  await assert.rejects(admin.alterTopic("a", { nonsense: 1 }), { name: "invalid_config" });
  const producer = await client.producer();
  await producer.send({ topic: "a", partition: 1, value: "x" });
  await admin.addPartitions("a", 3);
  await producer.send({ topic: "a", partition: 0, value: "x" });
  const [described] = await admin.describeTopics(["a"]);
  assert.deepEqual(described!.partitions.map(({ logEnd }) => logEnd), [1, 1, 0]);
  assert.deepEqual(described!.partitions.map(({ state }) => state), [0, 0, 0]);
  const missing = await admin.describeTopics(["none"]);
  assert.equal(missing[0]!.error, 20);
  await admin.deleteTopic("a");
  assert.deepEqual((await admin.topics()).filter(({ name }) => name === "a"), []);
  await assert.rejects(producer.send({ topic: "a", value: "x" }), { name: "topic_not_found" });
});

test("groups are committed for, listed and deleted", async () => {
  await admin.createTopic("b", { partitions: 2 });
  const places = [0, 1].map((partition) => ({ topic: "b", partition, offset: 5 + partition }));
  await admin.commitGroupOffsets("one", places);
  await admin.commitGroupOffsets("other", places.slice(1));
  const listed = (await admin.listGroups()).map(({ group, offsets }) => [group, offsets]);
  assert.deepEqual(listed, [["one", 2], ["other", 1]]);
  assert.deepEqual((await admin.listGroups("oth")).map(({ group }) => group), ["other"]);
  await admin.deleteGroup("one", [{ topic: "b", partition: 0 }]);
  assert.deepEqual((await admin.groupOffsets("one")).map(({ offset }) => offset), [6]);
  await admin.deleteGroup("one");
  await admin.deleteGroup("other");
  assert.deepEqual(await admin.listGroups(), []);
  const refused = admin.commitGroupOffsets("one", [{ topic: "none", partition: 0, offset: 1 }]);
  await assert.rejects(refused, { name: "topic_not_found" });
});

test("settings of the broker are shown with their source, and changed", async () => {
  const before = (await admin.config()).find(({ isChangeable }) => isChangeable)!;
  await admin.alterConfig({ [before.key]: before.value });
  const shown = async (): Promise<string | undefined> => {
    return (await admin.config()).find(({ key }) => key === before.key)?.source;
  };
  assert.equal(await shown(), "changed while running");
  await admin.alterConfig({ [before.key]: null });
  assert.equal(await shown(), before.source);
  await assert.rejects(admin.alterConfig({ nonsense: 1 }), { name: "invalid_config" });
});

test("connections are listed and closed; a client comes back by itself", async () => {
  const events: string[] = [];
  const other = await Client.connect({
    brokers: [`127.0.0.1:${broker.port}`],
    clientName: "other",
    onConnection: ({ state }) => events.push(state),
  });
  const found = (await admin.connections()).filter(({ clientName }) => clientName === "other");
  assert.equal(found.length, 1);
  await admin.closeConnection(found[0]!.id);
  await other.admin.offsets("b", 0);
  assert.deepEqual(events, ["connected", "lost", "connected"]);
  await other.close();
  await assert.rejects(admin.closeConnection(found[0]!.id), { name: "connection_not_found" });
});
