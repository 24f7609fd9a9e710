/** Operation stats. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the counters of the server, as they are", () => {
  const world = new NativeWorld();
  const [reply] = world.connect().feed(frames.request("stats", {}));
  const { counters } = decodeBody(operation("stats").reply, reply!.body, 0, reply!.body.length);
  assert.deepEqual(counters, world.server.counters());
  world.end();
});
