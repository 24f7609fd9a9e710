/** Operation metadata: what is known of nodes and topics. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerSettings } from "../../../../src/format/broker_settings.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { TOPIC_SETTINGS } from "../../../../src/format/topic_config.ts";
import { METADATA_TOPICS_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation, type ReplyOf } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

function ask(client: Client, names: readonly string[]): ReplyOf<"metadata"> {
  const topics = names.map((name) => ({ name }));
  const [reply] = client.feed(frames.request("metadata", { topics }));
  assert.equal(reply!.code, 0);
  return decodeBody(operation("metadata").reply, reply!.body, 0, reply!.body.length);
}

test("all topics, sorted, with partitions, leaders and every setting", () => {
  const world = new NativeWorld();
  world.addTopic("b", 2);
  world.addTopic("a", 1);
  const { nodes, topics } = ask(world.connect(), []);
  assert.deepEqual(nodes, [{ nodeId: 3, host: "10.0.0.1", port: 7400 }]);
  assert.deepEqual(topics.map(({ name, error }) => [name, error]), [["a", 0], ["b", 0]]);
  assert.deepEqual(topics[1]!.partitions, [{ leader: 3 }, { leader: 3 }]);
  const defaults = TOPIC_SETTINGS.map(({ key, fallback }) => ({ key, value: fallback }));
  assert.deepEqual(topics[0]!.config, defaults);
  world.end();
});

test("topics by name: an unknown one is named as such, a name given twice is answered once", () => {
  const world = new NativeWorld();
  world.addTopic("a", 1);
  const { topics } = ask(world.connect(), ["zz", "a", "a", ""]);
  const missing = ErrorCodes.topic_not_found;
  assert.deepEqual(
    topics.map(({ name, error }) => [name, error]),
    [["", missing], ["a", 0], ["zz", missing]],
  );
  assert.deepEqual(topics[0]!.partitions, []);
  world.end();
});

test("a topic goes by its own settings, then by the broker's, and by those of now", () => {
  const world = new NativeWorld();
  const own = world.addTopic("own", 1);
  world.addTopic("plain", 1);
  const client = world.connect();
  const told = (): string[] => {
    return ask(client, ["own", "plain"]).topics.map(({ config }) => {
      return config.find(({ key }) => key === "segment.bytes")!.value;
    });
  };
  const [fallback] = told();
  own.settings = [{ key: "segment.bytes", value: "2097152" }];
  assert.deepEqual(told(), ["2097152", fallback]);
  world.broker.settings = brokerSettings([{ key: "log.segment.bytes", value: "1048576" }]);
  assert.deepEqual(told(), ["2097152", "1048576"]);
  own.settings = [];
  assert.deepEqual(told(), ["1048576", "1048576"]);
  world.end();
});

test("a request that asks for more than a reply may hold is refused", () => {
  const world = new NativeWorld();
  world.addTopic("a", 1);
  const client = world.connect();
  const many = (count: number, name: (i: number) => string) => {
    const topics = Array.from({ length: count }, (_, i) => ({ name: name(i) }));
    return client.feed(frames.request("metadata", { topics }))[0]!;
  };
  for (const count of [METADATA_TOPICS_MAX + 1, 65536, 65537]) {
    const refused = many(count, () => "a");
    assert.equal(refused.code, ErrorCodes.invalid_request);
    assert.equal(new TextDecoder().decode(refused.body.slice(2)), "at most 1024 topics");
  }
  assert.equal(many(1000, (i) => `${i}`.padStart(65535, "x")).code, ErrorCodes.invalid_topic_name);
  const most = METADATA_TOPICS_MAX;
  assert.equal(many(most, () => "a").body.length < 1000, true, "one topic is one answer");
  assert.equal(many(most, (i) => `${i}`.padStart(249, "x")).code, 0);
  assert.equal(client.closed, false);
  world.end();
});
