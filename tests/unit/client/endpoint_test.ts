import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Endpoint } from "../../../src/client/endpoint.ts";
import { until, within } from "../../support/until.ts";
import { FakeBroker } from "./fake_broker.ts";

const OPTIONS = { reconnectBackoffMs: 1, reconnectBackoffMaxMs: 2 };

describe("Endpoint", () => {
  test("all who ask share one connection, and the next one after a loss", async () => {
    const broker = await FakeBroker.start();
    const endpoint = new Endpoint(broker.address, OPTIONS);
    assert.equal(endpoint.connection, null);
    const [first, second] = await Promise.all([endpoint.get(), endpoint.get()]);
    assert.equal(first, second);
    assert.equal(await endpoint.get(), first);
    first!.close();
    assert.equal(endpoint.connection, null);
    const [third, fourth] = await Promise.all([endpoint.get(), endpoint.get()]);
    assert.equal(third, fourth);
    assert.notEqual(third, first);
    assert.equal(broker.named("hello").length, 2);
    endpoint.close();
    await broker.stop();
  });

  test("after a failure all who ask share the next attempt", async () => {
    let refusals = 0;
    const onConnection = (): void => void (refusals += 1);
    const endpoint = new Endpoint({ host: "127.0.0.1", port: 1 }, { ...OPTIONS, onConnection });
    await assert.rejects(endpoint.get(), { name: "connection_refused" });
    const waiting = [endpoint.get(), endpoint.get()];
    for (const each of waiting) await assert.rejects(each, { name: "connection_refused" });
    assert.equal(refusals, 2);
    endpoint.close();
  });

  test("the next attempt waits for the back-off, which close ends", async () => {
    let refusals = 0;
    const onConnection = (): void => void (refusals += 1);
    const slow = { reconnectBackoffMs: 60_000, reconnectBackoffMaxMs: 60_000, onConnection };
    const address = { host: "127.0.0.1", port: 1 };
    const endpoint = new Endpoint(address, slow);
    await assert.rejects(endpoint.get(), { name: "connection_refused" });
    const waiting = endpoint.get();
    const other = new Endpoint(address, OPTIONS); // whose attempts would be behind it
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(other.get(), { name: "connection_refused" });
    }
    assert.equal(refusals, 1);
    endpoint.close();
    await assert.rejects(within("the end", waiting), { name: "closed" });
  });

  test("a connection that is lost by itself is noticed", async () => {
    const broker = await FakeBroker.start();
    const states: string[] = [];
    const onConnection = ({ state }: { state: string }): void => void states.push(state);
    const endpoint = new Endpoint(broker.address, { ...OPTIONS, onConnection });
    await endpoint.get();
    for (const socket of broker.sockets) socket.destroy();
    await until("the loss", () => endpoint.connection === null);
    assert.deepEqual(states, ["connected", "lost"]);
    await broker.stop();
  });
});
