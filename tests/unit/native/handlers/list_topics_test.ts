/** Operation list_topics: all topics, some at a time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Topic } from "../../../../src/broker/topics.ts";
import { defaultTopicConfig } from "../../../../src/format/topic_config.ts";
import { TOPICS_LISTED_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation, type ReplyOf } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

function ask(client: Client, after: string, limit: number): ReplyOf<"list_topics">["topics"] {
  const [reply] = client.feed(frames.request("list_topics", { after, limit }));
  assert.equal(reply!.code, 0);
  const { body } = reply!;
  return decodeBody(operation("list_topics").reply, body, 0, body.length).topics;
}

test("names behind another one, in their order", () => {
  const world = new NativeWorld();
  for (const name of ["b", "a", "d"]) world.addTopic(name, 2);
  const client = world.connect();
  const listed = (after: string, limit: number) => {
    return ask(client, after, limit).map(({ name }) => name).join("");
  };
  assert.equal(listed("", 10), "abd");
  assert.equal(listed("", 2), "ab");
  assert.equal(listed("b", 2), "d");
  assert.equal(listed("c", 2), "d");
  assert.equal(listed("d", 2), "");
  assert.equal(listed("", 0), "");
  const [first] = ask(client, "", 1);
  const { topicId } = world.broker.topics.get("a")!;
  assert.deepEqual(first, { name: "a", topicId, partitions: 2 });
  world.end();
});

test("no reply holds more than so many", () => {
  const world = new NativeWorld();
  for (let number = 0; number < TOPICS_LISTED_MAX + 5; number += 1) {
    const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
    world.broker.topics.add(new Topic(`t${number}`, id, defaultTopicConfig(), []));
  }
  const client = world.connect();
  const page = ask(client, "", 4_000_000_000);
  assert.equal(page.length, TOPICS_LISTED_MAX);
  assert.equal(ask(client, page.at(-1)!.name, TOPICS_LISTED_MAX).length, 5);
  world.end();
});
