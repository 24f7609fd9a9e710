import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Connection } from "../../../src/client/connection.ts";
import { Patience } from "../../../src/client/request_timeout.ts";
import { operation } from "../../../src/native/operations.ts";
import { within } from "../../support/until.ts";
import { FakeBroker } from "./fake_broker.ts";

let broker: FakeBroker;

beforeEach(async () => {
  broker = await FakeBroker.start();
});
afterEach(() => broker.stop());

describe("endSilent", () => {
  test("a connection that owes an answer for too long is ended, with all that wait", async () => {
    const connection = await Connection.connect(broker.address, { requestTimeoutMs: 40 });
    broker.answer = (request) => request.name === "stats" ? null : undefined;
    const asked = connection.request(operation("stats"), {});
    await assert.rejects(within("its end", asked), {
      name: "connection_timeout",
      message: /within 40 ms/,
    });
    assert.equal(connection.failure?.name, "connection_timeout");
  });
});

describe("Patience", () => {
  test("is over for what is too old at two looks running", () => {
    const patience = new Patience(20);
    assert.equal(patience.isOver(100, 120), false);
    assert.equal(patience.isOver(100, 121), false, "its answer may be there to be read");
    assert.equal(patience.isOver(100, 125), true);
  });

  test("is never over where answers come, nor where nothing was asked", () => {
    const patience = new Patience(20);
    for (let nowMs = 0; nowMs < 1000; nowMs += 5) {
      assert.equal(patience.isOver(nowMs - nowMs % 20, nowMs), false);
    }
    for (let nowMs = 0; nowMs < 1000; nowMs += 5) {
      const stoodStill = nowMs % 10 === 0; // and reads the answer before the next look
      assert.equal(patience.isOver(stoodStill ? nowMs - 500 : Infinity, nowMs), false);
    }
    assert.equal(patience.isOver(Infinity, 2000), false);
  });
});
