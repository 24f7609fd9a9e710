/** Silent connections say that they are there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../../src/client/connection.ts";
import { operation } from "../../../src/native/operations.ts";
import { pause, until } from "../../support/until.ts";
import { FakeBroker } from "./fake_broker.ts";

test("a silent connection pings, one with something outstanding need not", async () => {
  const fake = await FakeBroker.start();
  const connection = await Connection.connect(fake.address, { keepAliveMs: 20 });
  await until("it pings", () => fake.named("ping").length >= 3);
  fake.answer = (request) => request.name === "metadata" ? null : undefined;
  const waiting = connection.request(operation("metadata"), { topics: [] });
  await until("it is asked", () => fake.named("metadata").length === 1);
  const pings = fake.named("ping").length;
  await pause(100);
  assert.ok(fake.named("ping").length <= pings + 1, "one may have been on its way");
  connection.close();
  await assert.rejects(waiting);
  await fake.stop();
});
