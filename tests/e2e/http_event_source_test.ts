/**
 * The EventSource that browsers have, and Deno (on Bun that of npm): opened by a ticket, cut below
 * it, it comes back by itself and sees every record once.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { EventSource } from "../support/event_source.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

/** Hands bytes on to a port that is said later; `cut` ends every connection. */
class Relay {
  to = 0;
  readonly #sockets: Set<net.Socket> = new Set();
  readonly #server: net.Server = net.createServer((near) => {
    const far = net.connect(this.to, "127.0.0.1");
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
    return (this.#server.address() as net.AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

test("EventSource goes on where it was cut", async () => {
  const relay = new Relay();
  const port = await relay.open();
  const data = join(temporaryDirectory("event-source"), "d");
  const env = { SLUICE_HTTP_HOSTS: `127.0.0.1:${port}` };
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true, env });
  const door = await HttpDoor.of(broker, data);
  relay.to = (door.place as { port: number }).port;
  const body = { name: "t", partitions: 2 };
  await door.json(201, { method: "POST", target: "/v1/topics", body });
  const stream = "/v1/topics/t/stream";
  const ticket = { method: "POST", target: "/v1/tickets", body: { stream } };
  const { url } = await door.json(201, ticket) as { url: string };
  const seen: string[] = [];
  const ids: string[] = [];
  const source = new EventSource(`http://127.0.0.1:${port}${url}`);
  source.onmessage = ({ data: text, lastEventId }) => {
    const { partition, offset } = JSON.parse(text);
    seen.push(`${partition}:${offset}`);
    ids.push(lastEventId);
  };
  const produce = async (partition: number) => {
    const record = { method: "POST", target: "/v1/topics/t/records", body: { partition } };
    await door.json(200, record);
  };
  // It begins at the end, which is somewhere before the first record that it sees.
  await until("the first record", async () => {
    if (seen.length === 0) await produce(0);
    return seen.length > 0;
  });
  const first = Number(seen[0]!.slice(2));
  let next = first + 1;
  for (let cuts = 0; cuts < 3; cuts += 1) {
    relay.cut();
    await produce(1);
    await until("the record of the time between", () => seen.includes(`1:${cuts}`));
  }
  for (const place of seen.filter((one) => one.startsWith("0:")).slice(1)) {
    assert.equal(place, `0:${next}`);
    next += 1;
  }
  assert.equal(new Set(seen).size, seen.length, "none twice");
  assert.deepEqual(seen.filter((place) => place.startsWith("1:")), ["1:0", "1:1", "1:2"]);
  assert.match(ids.at(-1)!, /^0:\d+,1:3@[0-9a-f]{8}$/);
  source.close();
  await relay.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});
