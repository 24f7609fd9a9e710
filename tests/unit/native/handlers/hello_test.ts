/** Operation hello. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { FRAME_SIZE_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("hello opens the session and says who answers", () => {
  const world = new NativeWorld();
  const client = world.connect({ greet: false });
  assert.equal(client.session.helloSaid, false);
  const [reply] = client.feed(frames.hello());
  assert.deepEqual(decodeBody(operation("hello").reply, reply!.body, 0, reply!.body.length), {
    protocol: 1,
    nodeId: 3,
    nodeEpoch: 4,
    frameSizeMax: FRAME_SIZE_MAX,
    brokerVersion: "sluice test",
  });
  assert.equal(client.session.helloSaid, true);
  world.end();
});

test("another protocol is refused, and the client may say hello again", () => {
  const world = new NativeWorld();
  const client = world.connect({ greet: false });
  for (const protocol of [0, 2, 65535]) {
    const ask = frames.request("hello", { protocol, clientName: "", token: "" });
    assert.equal(client.feed(ask)[0]!.code, ErrorCodes.unsupported_protocol);
    assert.equal(client.session.helloSaid, false);
  }
  assert.equal(client.feed(frames.request("ping", {}))[0]!.code, ErrorCodes.hello_required);
  assert.equal(client.feed(frames.hello())[0]!.code, 0);
  world.end();
});

test("a name is short, also of a second hello: it is kept, and listed with all others", () => {
  const world = new NativeWorld();
  const client = world.connect({ greet: false });
  const named = (length: number) => {
    return frames.request("hello", { protocol: 1, clientName: "n".repeat(length), token: "" });
  };
  assert.equal(client.feed(named(256))[0]!.code, ErrorCodes.invalid_request);
  assert.equal(client.session.helloSaid, false);
  assert.equal(client.feed(named(255))[0]!.code, 0);
  assert.equal(client.feed(named(65535))[0]!.code, ErrorCodes.invalid_request);
  assert.equal(client.session.clientName, "n".repeat(255));
  world.end();
});
