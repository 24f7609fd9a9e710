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
  const buckets = [{ upTo: 7, count: 2 }, { upTo: 33, count: 1 }];
  const none = { count: 0, sum: 0, max: 0, buckets: [] };
  assert.deepEqual(histograms, [
    { name: "turn_us", listener: "", operation: "", count: 3, sum: 46, max: 32, buckets },
    { name: "request_us", listener: "native", operation: "produce", ...none },
  ]);
  world.end();
});
