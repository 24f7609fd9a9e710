/** Operation close_connection: by id, and an error where there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the server closes it, or there is none", () => {
  const world = new NativeWorld();
  const client = world.connect();
  const codes = [7, 8].map((id) => {
    return client.feed(frames.request("close_connection", { id }))[0]!.code;
  });
  assert.deepEqual(codes, [ErrorCodes.none, ErrorCodes.connection_not_found]);
  assert.deepEqual(world.server.closed, [7, 8]);
  world.end();
});
