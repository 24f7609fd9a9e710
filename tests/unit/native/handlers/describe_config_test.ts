/** Operation describe_config: what the server has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the settings come as the server has them", () => {
  const world = new NativeWorld();
  const [reply] = world.connect().feed(frames.request("describe_config", {}));
  const table = operation("describe_config").reply;
  const { entries } = decodeBody(table, reply!.body, 0, reply!.body.length);
  assert.deepEqual(entries, world.server.settings());
  world.end();
});
