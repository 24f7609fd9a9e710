import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Connection } from "../../../src/client/connection.ts";
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

  test("one whose answers come is not, nor one that asks for nothing", async () => {
    const connection = await Connection.connect(broker.address, { requestTimeoutMs: 20 });
    const endMs = performance.now() + 100;
    while (performance.now() < endMs) await connection.request(operation("ping"), {});
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(connection.failure, null);
    connection.close();
  });
});
