import assert from "node:assert/strict";
import process from "node:process";
import { afterEach, test } from "node:test";
import { chooseBroker, DEFAULT_BROKER, withBroker } from "../../../src/cli/broker_connection.ts";
import { ConfigError } from "../../../src/address.ts";
import { FakeBroker, valuesOf } from "../client/fake_broker.ts";

const before = process.env["SLUICE_BROKER"];

afterEach(() => {
  if (before === undefined) delete process.env["SLUICE_BROKER"];
  else process.env["SLUICE_BROKER"] = before;
});

test("the option comes before the variable, the variable before the default", async () => {
  delete process.env["SLUICE_BROKER"];
  assert.deepEqual(await chooseBroker(undefined), DEFAULT_BROKER);
  process.env["SLUICE_BROKER"] = "";
  assert.deepEqual(await chooseBroker(undefined), DEFAULT_BROKER);
  process.env["SLUICE_BROKER"] = "h:5";
  assert.deepEqual(await chooseBroker(undefined), { host: "h", port: 5 });
  assert.deepEqual(await chooseBroker({ host: "o", port: 6 }), { host: "o", port: 6 });
});

test("a variable that is no address is refused by its name", async () => {
  process.env["SLUICE_BROKER"] = "h";
  await assert.rejects(() => chooseBroker(undefined), (error: unknown) => {
    return error instanceof ConfigError && /^SLUICE_BROKER: "h"/.test(error.message);
  });
});

test("the connection is closed whether the work succeeds or fails", async () => {
  const fake = await FakeBroker.start();
  const connections: { failure: unknown }[] = [];
  assert.equal(
    await withBroker({ broker: fake.address }, (connection) => {
      connections.push(connection);
      return Promise.resolve(5);
    }),
    5,
  );
  const failing = withBroker({ broker: fake.address }, (connection) => {
    connections.push(connection);
    return Promise.reject(new Error("no"));
  });
  await assert.rejects(() => failing, /no/);
  assert.ok(connections.every(({ failure }) => failure !== null));
  assert.match(String(valuesOf(fake.requests[0]!)["clientName"]), /^sluice-cli /);
  await fake.stop();
});
