/** Operation connections: a list, here an empty one; tests/unit/server/connection_list_test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the list comes as the server has it", () => {
  const world = new NativeWorld();
  const client = world.connect();
  assert.equal(client.session.clientName, "test");
  const [reply] = client.feed(frames.request("connections", {}));
  const table = operation("connections").reply;
  assert.deepEqual(decodeBody(table, reply!.body, 0, reply!.body.length), { connections: [] });
  world.end();
});
