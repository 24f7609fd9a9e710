/**
 * A broker behind a port mapping: it tells clients the address that was advertised, and whoever
 * comes by that goes on coming by that, also after a connection is lost.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { runSluice, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { Forwarder } from "../support/forwarder.ts";
import { ask, HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("advertised"), "d");
const native = await Forwarder.open();
const http = await Forwarder.open();
const broker = await startBroker({
  ...{ runtime: BROKER_RUNTIME, data, http: true },
  flags: ["--native-advertised", native.address, "--http-advertised", http.address],
});
const listener = await broker.http();
native.to = broker.port;
http.to = Number(listener.split(":")[1]);
after(async () => {
  for (const forwarder of [native, http]) forwarder.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

/** Clients that have a connection to the native listener, as it sees them. */
async function peers(client: Client): Promise<string[]> {
  const connections = await client.admin.connections();
  return connections.filter(({ listener }) => listener === "native").map(({ peer }) => peer);
}

test(`metadata names the advertised address, serve the one it listens on (${PAIR})`, async () => {
  assert.notEqual(broker.port, native.port);
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  const { nodes } = await client.admin.metadata(["-"]);
  assert.deepEqual(nodes, [{ nodeId: 0, host: "127.0.0.1", port: native.port }]);
  const door = await HttpDoor.of(broker, data);
  const found = await door.get("/v1/broker") as { nodes: unknown };
  assert.deepEqual(found.nodes, nodes);
});

test("a client that starts at the mapped port keeps to it, also after it was cut", async () => {
  await using client = await Client.connect({ brokers: [native.address] });
  await client.admin.createTopic("mapped", { partitions: 3 });
  const producer = await client.producer();
  const send = (value: string) => {
    return Promise.all([0, 1, 2].map((partition) => {
      return producer.send({ topic: "mapped", partition, value });
    }));
  };
  await send("before");
  const before = native.carried.size;
  native.cut();
  await send("after");
  assert.ok(native.carried.size > before, "it came again by the mapped port");
  await until("the connections that were cut are gone", async () => {
    const seen = await peers(client);
    return seen.length > 0 && seen.every((peer) => native.carried.has(peer));
  });
  await producer.close();
  const { out } = await commands(broker)(["consume", "mapped"], {
    env: { SLUICE_BROKER: native.address },
  });
  assert.deepEqual(out.split("\n").sort(), [
    "",
    ...Array(3).fill("after"),
    ...Array(3).fill("before"),
  ]);
});

test("a client that comes by another way goes on by that", async () => {
  const carried = native.carried.size;
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  const producer = await client.producer();
  await producer.send({ topic: "mapped", value: "direct" });
  assert.equal(native.carried.size, carried);
});

test("the HTTP door is asked by its advertised name, and by no other", async () => {
  const mapped = { host: "127.0.0.1", port: http.port };
  assert.equal((await ask(mapped, { target: "/readyz" })).status, 200);
  const foreign = { host: `127.0.0.1:${http.port + 1}` };
  assert.equal((await ask(mapped, { target: "/readyz", headers: foreign })).status, 421);
  const health = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["health", "--http", http.address],
  });
  assert.match(health.out, /^ready: /);
});

test("a port that nobody can connect to is refused, by flag and by environment", async () => {
  const args = ["serve", "--data", join(data, "..", "none")];
  const refused = [
    await runSluice({
      runtime: BROKER_RUNTIME,
      args: [...args, "--native-advertised", "box.example:0"],
    }),
    await runSluice({
      runtime: BROKER_RUNTIME,
      args,
      env: { SLUICE_HTTP_ADVERTISED: "box.example:0" },
    }),
  ];
  for (const { code, stderr } of refused) {
    assert.equal(code, 2, stderr);
    assert.match(stderr, /(nativeAdvertised|http\.advertised)/);
  }
});
