/** Operation health. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("how the server is, as it says it", () => {
  const world = new NativeWorld();
  const [reply] = world.connect().feed(frames.request("health", {}));
  const { body } = reply!;
  const health = decodeBody(operation("health").reply, body, 0, body.length);
  assert.deepEqual(health, world.server.health());
  world.end();
});
