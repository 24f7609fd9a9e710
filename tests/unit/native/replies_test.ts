/** Replies that are not hot: errors with their words, and bodies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { replyBody, replyError } from "../../../src/native/replies.ts";
import * as frames from "../../support/frames.ts";
import { NativeWorld } from "../../support/native_world.ts";

const text = (body: Uint8Array) => new TextDecoder().decode(body.slice(2));

test("an error carries its code, the request's correlation and version, and the words", () => {
  const world = new NativeWorld();
  const client = world.connect();
  replyError(client.session, 4294967295, 3, 61, "no room: ü");
  replyBody(client.session, 5, 1, [["value", "u16", ""]], { value: 258 });
  const [error, body] = client.replies();
  assert.deepEqual([error!.code, error!.version, error!.flags], [61, 3, 0]);
  assert.equal(error!.correlation, 4294967295);
  assert.equal(text(error!.body), "no room: ü");
  assert.deepEqual([...body!.body], [1, 2]);
  assert.deepEqual([body!.code, body!.version, body!.correlation], [0, 1, 5]);
  world.end();
});

test("however long a text the client sends, its refusal is a reply", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  const long = "k".repeat(65535);
  const wide = "ü".repeat(32767);
  for (const words of [long, wide]) {
    const entry = [{ key: words, value: words }];
    const known = [{ key: "flush.ms", value: words }];
    const [unknown] = client.feed(
      frames.request("create_topic", { name: "n", partitions: 1, config: entry }),
    );
    assert.equal(unknown!.code, ErrorCodes.invalid_config);
    const [range] = client.feed(
      frames.request("create_topic", { name: "n", partitions: 1, config: known }),
    );
    assert.equal(range!.code, ErrorCodes.invalid_config);
    const [topic] = client.feed(frames.request("open_partition", { topic: words, partition: 0 }));
    assert.equal(topic!.code, ErrorCodes.topic_not_found);
    for (const { body } of [unknown!, range!, topic!]) {
      assert.ok(body.length <= 4096, "an error says what is wrong, not all that was said");
      assert.ok(text(body).length > 100);
    }
  }
  world.end();
});
