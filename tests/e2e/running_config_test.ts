/** What an operator does with a broker that runs: its settings, and who is connected. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("running");

test(`a setting that is changed outlives a kill (${PAIR})`, async () => {
  const data = join(directory, "set");
  const env = { SLUICE_CONNECTIONS_IDLE_MS: "200000" };
  const flags = ["--connections-max", "100"];
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, env, flags });
  const running = async (sluice: ReturnType<typeof commands>) => {
    const { out } = await sluice(["config", "running", "--json"]);
    return new Map(
      out.trimEnd().split("\n").map((line) => {
        const { key, value, source, changeable } = JSON.parse(line);
        return [key, { value, source, changeable }];
      }),
    );
  };
  const before = await running(commands(broker));
  const keys = [...before.keys()];
  assert.deepEqual(keys, [...keys].sort());
  assert.deepEqual(before.get("connections.max")?.value, "100");
  assert.equal(before.get("connections.max")?.source, "command line");
  assert.equal(before.get("connections.idleMs")?.source, "environment");
  assert.equal(before.get("sync.waitShare")?.source, "default");
  const name = "num.partitions";
  assert.equal(before.get(name)?.changeable, true, `${name} may be changed`);
  await commands(broker)(["config", "set", `${name}=3`]);
  await broker.kill();
  const again = await startBroker({ runtime: BROKER_RUNTIME, data });
  const after = await running(commands(again));
  assert.deepEqual(after.get(name), { value: "3", source: "changed", changeable: true });
  await commands(again)(["config", "unset", name]);
  assert.deepEqual((await running(commands(again))).get(name), before.get(name));

  const wrong = await tryCommands(again)(["config", "set", "num.partitoins=3"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /Did you mean num\.partitions\?/);
  const fixed = await tryCommands(again)(["config", "set", "connections.max=5"]);
  assert.equal(fixed.code, before.get("connections.max")?.changeable === true ? 0 : 1);
  await again.stop();
});

test("a connection is listed and closed", async () => {
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data: join(directory, "close") });
  const sluice = commands(broker);
  const client = await RawConnection.open(broker.port);
  await client.ask("hello", { protocol: 1, clientName: "lingering", token: "" });
  const list = async () => {
    const { out } = await sluice(["connection", "list", "--json"]);
    return out.trimEnd().split("\n").map((line) => JSON.parse(line));
  };
  const listed = (await list()).find(({ clientName }) => clientName === "lingering");
  assert.equal(listed.listener, "native");
  assert.match(listed.peer, /^127\.0\.0\.1:\d+$/);
  assert.ok(listed.requests >= 1 && listed.bytesIn > 0 && listed.bytesOut > 0);
  await sluice(["connection", "close", String(listed.id)]);
  assert.ok(!(await list()).some(({ clientName }) => clientName === "lingering"));
  const gone = await tryCommands(broker)(["connection", "close", String(listed.id)]);
  assert.equal(gone.code, 1);
  client.close();
  await broker.stop();
});
