/**
 * What groups commit, and the ids of producers, in a real broker that is killed: durable when it is
 * answered, there after every start, and gone with its topic.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ErrorCodes } from "../../src/format/errors.ts";
import { OFFSETS_TOPIC } from "../../src/format/internal_topics.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import * as frames from "../support/frames.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

/** A broker on the directory, and who talks to it. */
async function start(data: string): Promise<{ broker: Broker; connection: RawConnection }> {
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  return { broker, connection: await RawConnection.open(broker.port) };
}

function place(partition: number, offset: number, metadata = "", topic = "orders") {
  return { topic, partition, offset, leaderEpoch: -1, metadata };
}

function commitOf(group: string, offsets: ReturnType<typeof place>[]) {
  return { group, memberId: "", generation: -1, offsets };
}

/** What a group has, as partition: offset; loading is waited for. */
async function committed(connection: RawConnection, group: string): Promise<[string, number][]> {
  let found: [string, number][] = [];
  await until("the offsets are loaded", async () => {
    await connection.send(frames.request("fetch_offsets", { group, partitions: [] }, 77));
    const reply = await connection.reply();
    if (reply.code === ErrorCodes.group_loading) return false;
    assert.equal(reply.code, 0);
    const { offsets } = RawConnection.decode("fetch_offsets", reply);
    found = offsets.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]);
    return true;
  });
  return found;
}

test("a commit that was answered is there after every kill, and a deleted one is not", async () => {
  const data = join(temporaryDirectory("groups"), "d");
  const groups = Array.from({ length: 20 }, (_, i) => `group ${i}`);
  for (let life = 0; life < 4; life += 1) {
    const { broker, connection } = await start(data);
    if (life === 0) {
      await connection.ask("create_topic", { name: "orders", partitions: 3, config: [] });
      assert.deepEqual(await committed(connection, "nobody"), []);
    }
    for (const [at, group] of groups.entries()) {
      const before = life === 0 ? [] : [["orders-0", life - 1], ["orders-2", at]];
      assert.deepEqual(await committed(connection, group), before);
      const commit = commitOf(group, [place(0, life, "first"), place(2, at), place(3, 1)]);
      const { results } = await connection.ask("commit_offsets", commit);
      assert.deepEqual(results.map(({ error }) => error), [0, 0, ErrorCodes.partition_not_found]);
    }
    const { groups: listed } = await connection.ask("list_groups", { prefix: "group 1" });
    assert.equal(listed.length, 11);
    assert.ok(listed.every(({ offsets, state }) => offsets === 2 && state === "empty"));
    if (life < 3) {
      await broker.kill();
      continue;
    }
    await connection.ask("delete_group", { group: groups[0]!, partitions: [] });
    const partitions = [{ topic: "orders", partition: 2 }];
    await connection.ask("delete_group", { group: groups[1]!, partitions });
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  }
  const { broker, connection } = await start(data);
  assert.deepEqual(await committed(connection, groups[0]!), []);
  assert.deepEqual(await committed(connection, groups[1]!), [["orders-0", 3]]);
  assert.deepEqual(await committed(connection, groups[2]!), [["orders-0", 3], ["orders-2", 2]]);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("pipelined commits share syncs, and come back in the order of a client", async () => {
  const data = join(temporaryDirectory("groups"), "d");
  const { broker, connection } = await start(data);
  await connection.ask("create_topic", { name: "orders", partitions: 1, config: [] });
  const count = 500;
  for (let i = 0; i < count; i += 1) {
    const commit = commitOf("g", [place(0, i)]);
    void connection.send(frames.request("commit_offsets", commit, i));
  }
  const order: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const { code, correlation } = await connection.reply();
    assert.equal(code, 0);
    order.push(correlation);
  }
  assert.deepEqual(order, Array.from({ length: count }, (_, i) => i));
  assert.deepEqual(await committed(connection, "g"), [["orders-0", count - 1]]);
  const { counters } = await connection.ask("stats", {});
  const value = (name: string) => counters.find((counter) => counter.name === name)!.value;
  assert.equal(value("offset_commits_total"), count);
  assert.ok(value("sync_groups_total") < count, "they shared syncs");
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a new topic of a deleted one's name has none of its offsets", async () => {
  const data = join(temporaryDirectory("groups"), "d");
  let { broker, connection } = await start(data);
  for (const name of ["orders", "kept"]) {
    await connection.ask("create_topic", { name, partitions: 1, config: [] });
  }
  const commit = commitOf("g", [place(0, 5), place(0, 6, "", "kept")]);
  await connection.ask("commit_offsets", commit);
  await connection.ask("delete_topic", { name: "orders" });
  await connection.ask("create_topic", { name: "orders", partitions: 1, config: [] });
  assert.deepEqual(await committed(connection, "g"), [["kept-0", 6]]);
  await broker.kill();
  ({ broker, connection } = await start(data));
  assert.deepEqual(await committed(connection, "g"), [["kept-0", 6]]);
  await connection.ask("commit_offsets", commitOf("g", [place(0, 1)]));
  await broker.kill();
  ({ broker, connection } = await start(data));
  assert.deepEqual(await committed(connection, "g"), [["kept-0", 6], ["orders-0", 1]]);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("the topic of the offsets is Kafka's, and only the broker writes it", async () => {
  const data = join(temporaryDirectory("groups"), "d");
  const { broker, connection } = await start(data);
  await connection.ask("create_topic", { name: "orders", partitions: 1, config: [] });
  await connection.ask("commit_offsets", commitOf("g", [place(0, 5)]));
  const { topics } = await connection.ask("metadata", { topics: [{ name: OFFSETS_TOPIC }] });
  assert.equal(topics[0]!.partitions.length, 8);
  const setting = (key: string) => topics[0]!.config.find((entry) => entry.key === key)?.value;
  assert.equal(setting("cleanup.policy"), "compact");
  assert.equal(setting("durability"), "fsync");
  await connection.send(frames.request("delete_topic", { name: OFFSETS_TOPIC }, 9));
  assert.equal((await connection.reply()).code, ErrorCodes.topic_is_internal);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("no producer id is ever given twice", async () => {
  const data = join(temporaryDirectory("producers"), "d");
  const seen = new Set<number>();
  for (let life = 0; life < 3; life += 1) {
    const { broker, connection } = await start(data);
    const count = 1500; // a block and a half
    for (let i = 0; i < count; i += 1) {
      void connection.send(frames.request("init_producer", { transactionalId: "" }, i));
    }
    for (let i = 0; i < count; i += 1) {
      const reply = await connection.reply();
      assert.equal(reply.code, 0);
      const { producerId, producerEpoch } = RawConnection.decode("init_producer", reply);
      assert.equal(producerEpoch, 0);
      assert.ok(!seen.has(producerId), "given once");
      seen.add(producerId);
    }
    await connection.send(frames.request("init_producer", { transactionalId: "t" }, 9));
    assert.equal((await connection.reply()).code, ErrorCodes.transactions_unsupported);
    await broker.kill();
  }
});
