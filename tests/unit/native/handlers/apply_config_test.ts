/** Control operation apply_config: handed to the server, confirmed, and not for clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("main puts settings in force, nobody else does", () => {
  const world = new NativeWorld();
  const entry = { key: "num.partitions", value: "3", source: 4, changeable: 1, text: "t" };
  const change = { entries: [entry] };
  const [refused] = world.connect().feed(frames.control("apply_config", change));
  assert.equal(refused!.code, ErrorCodes.not_permitted);
  assert.equal(world.server.applied.length, 0);
  const main = world.connect({ slot: 9, control: true });
  assert.deepEqual(main.feed(frames.control("apply_config", change)).map(({ code }) => code), [0]);
  assert.deepEqual(world.server.applied, [change]);
  world.end();
});
