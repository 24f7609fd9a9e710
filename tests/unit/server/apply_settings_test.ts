/** Settings of the broker come into force in a shard that serves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Level } from "../../../src/format/levels.ts";
import { applySettings } from "../../../src/server/apply_settings.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

function apply(made: NodeWorld, values: Readonly<Record<string, string>>): void {
  const entries = Object.entries(values).map(([key, value]) => {
    return { key, value, source: 4, changeable: 1, text: "" };
  });
  applySettings(made.node, entries);
}

test("topics that say nothing follow the broker, those that say something do not", () => {
  const made = new NodeWorld();
  made.addTopic("silent");
  made.addTopic("own", 1, [{ key: "retention.ms", value: "5" }]);
  made.addTopic("__consumer_offsets");
  apply(made, { "log.retention.ms": "7", "log.durability": "os", "message.max.bytes": "99" });
  made.addTopic("later");
  const config = (name: string) => {
    const { retentionMs, durability, maxMessageBytes } = made.node.broker.topics.get(name)!.config;
    return [retentionMs, durability, maxMessageBytes];
  };
  assert.deepEqual(config("silent"), [7, Level.os, 99]);
  assert.deepEqual(config("own"), [5, Level.os, 99]);
  assert.deepEqual(config("later"), [7, Level.os, 99]);
  assert.deepEqual(config("__consumer_offsets"), [604800000, Level.fsync, 1048588]);
  apply(made, {});
  assert.deepEqual(config("silent"), [604800000, Level.fsync, 1048588], "the defaults again");
  assert.equal(config("own")[0], 5);
  made.end();
});

test("a limit of connections holds for those who come from now on", () => {
  const made = new NodeWorld();
  const clients = [made.connect(), made.connect()];
  made.until(() => made.node.clients === 2, "both are in");
  apply(made, { "connections.max": "2" });
  const third = made.connect();
  made.until(() => (third.take(), third.ended), "it is refused");
  for (const client of clients) assert.equal(client.ask(frames.hello()).code, 0, "they stay");
  apply(made, { "connections.max": "3" });
  assert.equal(made.connect().ask(frames.hello()).code, 0);
  made.end();
});

test("those who came while nobody counted addresses are counted when somebody does", () => {
  const made = new NodeWorld();
  const clients = [made.connect(), made.connect()];
  made.until(() => made.node.clients === 2, "both are in");
  apply(made, { "connections.perAddressMax": "2" });
  assert.deepEqual([...made.node.perAddress], [["127.0.0.1", 2]]);
  const third = made.connect();
  made.until(() => (third.take(), third.ended), "it is refused");
  clients[0]!.close();
  made.until(() => made.node.perAddress.get("127.0.0.1") === 1, "one is gone");
  assert.equal(made.connect().ask(frames.hello()).code, 0);
  made.end();
});

test("a shorter patience holds for those who are connected", () => {
  const made = new NodeWorld();
  const client = made.connect();
  client.ask(frames.hello());
  made.pass(1000);
  assert.equal(client.ended, false);
  apply(made, { "connections.idleMs": "500" });
  made.pass(200);
  client.take();
  assert.equal(client.ended, true);
  assert.equal(made.node.connectionCounters.closed.idle, 1);
  made.end();
});
