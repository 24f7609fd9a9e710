/**
 * Names, keys and values that would be something else where they are told: another event of a
 * stream, another line, another metric, another line of the broker's own messages.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { startBroker } from "../support/broker.ts";
import { EventReader, type ServerEvent } from "../support/event_stream.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("injection"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);
const TARGET = "/v1/topics/t/records";
/** Ends whatever it stands in, and goes on as something else. */
const EVIL = 'a"}\r\n\r\nid: 9:9\ndata: stolen\n\nevent: problem\u2028\u0085{"x":1}\nstolen 1\n';

await door.json(201, { method: "POST", target: "/v1/topics", body: { name: "t" } });

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a record is one record, whatever is in its key, value and headers", async () => {
  const record = { key: EVIL, value: EVIL, headers: [{ name: EVIL, value: EVIL }] };
  await door.json(200, { method: "POST", target: TARGET, body: record });
  const { records } = await door.get(TARGET) as { records: object[] };
  const lines = await door.ask({ target: TARGET, headers: { accept: "application/x-ndjson" } });
  const told = lines.text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  const events: ServerEvent[] = [];
  const target = "/v1/topics/t/stream?from=earliest";
  const reader = new EventReader({ door, target, taken: (event) => events.push(event) });
  await until("the event", () => events.length > 0);
  await door.json(200, { method: "POST", target: TARGET, body: { value: "next" } });
  await until("the next one", () => events.some(({ data: text }) => text.includes('"next"')));
  reader.cut();
  assert.equal(events.length, 2);
  const [event] = events;
  assert.equal(event!.type, "message");
  assert.match(event!.id, /^0:1/);
  const text = new TextDecoder().decode(Uint8Array.from(event!.data, (byte) => byte.charCodeAt(0)));
  for (const found of [records, told, [JSON.parse(text)]]) {
    const [{ key, value, headers }, ...more] = found as [typeof record, ...object[]];
    assert.deepEqual([{ key, value, headers }, more], [record, []]);
  }
});

test("a group is one group, in lists, in metrics and in messages", async () => {
  const connection = await Connection.connect({ host: "127.0.0.1", port: broker.port }, {
    clientName: EVIL,
  });
  const admin = new Admin(connection);
  await admin.commitGroupOffsets(EVIL, [{ topic: "t", partition: 0, offset: 0 }]);
  const { groups } = await door.get("/v1/groups") as { groups: { group: string }[] };
  assert.deepEqual(groups.map(({ group }) => group), [EVIL]);
  const { connections } = await door.get("/v1/connections") as {
    connections: { clientName: string }[];
  };
  assert.deepEqual(connections.map(({ clientName }) => clientName), [EVIL]);
  for (const accept of ["text/plain", "application/openmetrics-text"]) {
    const { text } = await door.ask({ target: "/metrics", headers: { accept } });
    assert.match(text, /^sluice_group_lag_records\{/m);
    const lines = text.split("\n").filter((line) => line !== "");
    for (const line of lines) assert.match(line, /^(# (HELP|TYPE|UNIT|EOF)|(sluice|process)_)/);
  }
  connection.close();
});

test("a path that is refused or traced is one line", async () => {
  const refused = ["a%0Ab", "a%0d%0aerror%20x", "g%20%1b%5b31m"].map((name) =>
    `/v1/groups/${name}`
  );
  for (const target of [...refused, "/v1/topics/a%0Ab", "/v1/x\ty"]) {
    const { status } = await door.ask({ method: "DELETE", target });
    assert.ok([400, 404].includes(status), `${target}: ${status}`);
  }
  await door.ask({ method: "DELETE", target: "/v1/groups/nobody%20%5b31m" });
  // What was written before it is there then, too.
  await until("the last request is traced", () => {
    return broker.stderr().includes(" info http: DELETE /v1/groups/nobody [31m 404 (admin)\n");
  });
  for (const line of broker.stderr().split("\n")) {
    assert.doesNotMatch(line, /^error x|stolen/, line);
    assert.ok(!line.includes("\x1b[31m"), line);
  }
});
