/** Control operation stop: handed to the server, answered by it later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the server hears who asked, and no reply goes out yet", () => {
  const world = new NativeWorld();
  const main = world.connect({ slot: 9, control: true });
  assert.deepEqual(main.feed(frames.control("stop", {}, 321)), []);
  assert.deepEqual(world.server.stops, [[9, main.session.generation, 321]]);
  world.end();
});
