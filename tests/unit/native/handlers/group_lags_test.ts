/** Operation group_lags. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { GROUP_LAGS_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("each group has its lags, or says why it has none", () => {
  const world = new NativeWorld();
  const { topicId } = world.addTopic("t", 1);
  const commit = { offset: 0, leaderEpoch: -1, metadata: "", timestampMs: 0, topicId };
  const { store } = world.broker.offsets;
  store.load({ group: "g", topic: "t", partition: 0, commit });
  store.stage({ group: "staged", topic: "t", partition: 0, commit });
  const client = world.connect();
  const ask = (names: string[]) => {
    const groups = names.map((group) => ({ group }));
    return client.feed(frames.request("group_lags", { groups }))[0]!;
  };
  const { body } = ask(["none", "g", "staged", ""]);
  assert.deepEqual(decodeBody(operation("group_lags").reply, body, 0, body.length).groups, [
    { error: ErrorCodes.group_not_found, topics: [] },
    { error: 0, topics: [{ topic: "t", lagRecords: 0, lagMs: 0 }] },
    { error: ErrorCodes.group_not_found, topics: [] },
    { error: ErrorCodes.invalid_group_id, topics: [] },
  ]);
  const many = Array.from({ length: GROUP_LAGS_MAX + 1 }, () => "none");
  assert.equal(ask(many).code, ErrorCodes.invalid_request);
  assert.equal(ask(many.slice(1)).code, 0);
  world.end();
});
