/** Operation add_partitions: refused here by number, or handed to the main thread as it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("never fewer, never too many, never of the broker's own topic", () => {
  const world = new NativeWorld();
  world.addTopic("t", 2);
  world.addTopic("__consumer_offsets", 1);
  const client = world.connect();
  const wrong: [string, number, number][] = [
    ["u", 3, ErrorCodes.topic_not_found],
    ["__consumer_offsets", 3, ErrorCodes.topic_is_internal],
    ["t", 1, ErrorCodes.invalid_partitions],
    ["t", 0, ErrorCodes.invalid_partitions],
    ["t", 1025, ErrorCodes.invalid_partitions],
  ];
  for (const [name, partitions, code] of wrong) {
    const [reply] = client.feed(frames.request("add_partitions", { name, partitions }));
    assert.equal(reply!.code, code, `${name} ${partitions}`);
  }
  assert.equal(world.server.grown.length, 0);
  for (const partitions of [2, 3, 1024]) { // as many as there are: the last answer was lost
    assert.deepEqual(client.feed(frames.request("add_partitions", { name: "t", partitions })), []);
  }
  assert.deepEqual(world.server.grown.map(({ request }) => request.partitions), [2, 3, 1024]);
  world.server.diskRefusal = ErrorCodes.disk_full;
  const [full] = client.feed(frames.request("add_partitions", { name: "t", partitions: 4 }));
  assert.equal(full!.code, ErrorCodes.disk_full);
  world.end();
});
