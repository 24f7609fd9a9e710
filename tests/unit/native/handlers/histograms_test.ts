/** Operation histograms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the histograms of the server, as they are", () => {
  const world = new NativeWorld();
  const [reply] = world.connect().feed(frames.request("histograms", {}));
  const { body } = reply!;
  const { histograms } = decodeBody(operation("histograms").reply, body, 0, body.length);
  assert.deepEqual(histograms, world.server.histograms());
  world.end();
});
