/** Operation alter_config: refused here by name, or handed to the main thread as it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("what cannot be changed, or not so, is refused before anybody else hears of it", () => {
  const world = new NativeWorld();
  const client = world.connect();
  const wrong = [
    { set: [{ key: "num.partitions", value: "0" }], unset: [] },
    { set: [{ key: "sync.method", value: "pool" }], unset: [] },
    { set: [{ key: "nonsense", value: "1" }], unset: [] },
    { set: [], unset: [{ key: "dataDirectory" }] },
  ];
  for (const change of wrong) {
    const [reply] = client.feed(frames.request("alter_config", change));
    assert.equal(reply!.code, ErrorCodes.invalid_config, JSON.stringify(change));
  }
  assert.equal(world.server.configs.length, 0);
  const right = {
    set: [{ key: "log.retention.ms", value: "-1" }],
    unset: [{ key: "connections.max" }],
  };
  assert.deepEqual(client.feed(frames.request("alter_config", right, 4)), [], "main decides");
  const [{ token, request }] = world.server.configs as [typeof world.server.configs[0]];
  assert.deepEqual(request, right);
  const topicId = "00000000-0000-0000-0000-000000000000";
  const main = world.connect({ slot: 9, control: true });
  main.feed(frames.control("answer", { token, error: 0, message: "", topicId }));
  const [reply] = client.replies();
  assert.deepEqual([reply!.correlation, reply!.code, reply!.body.length], [4, 0, 0]);
  world.end();
});
