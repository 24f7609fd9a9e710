/**
 * The door over real HTTP, with a clock that is moved by hand and no broker behind it: whoever is
 * let in is told that the shard is away.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { makeDoor } from "../../../src/admin/door.ts";
import { Engine } from "../../../src/admin/engine.ts";
import { HttpStats } from "../../../src/admin/http_stats.ts";
import { allowedHosts } from "../../../src/admin/gate.ts";
import { HTTP_TICKET_MS } from "../../../src/limits.ts";
import { type Answer, ask, type Question } from "../../support/http.ts";

const READ = "r".repeat(43);
const ADMIN = "a".repeat(43);
const STREAM = "/v1/topics/t/stream";

const recovery = { partitionsDone: 0, partitions: 0, scannedBytes: 0 };
const engine = new Engine("/nowhere/shard.sock", { startedMs: 0, isServing: true, recovery });
const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const place = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
let nowMs = 0;
const door = makeDoor({
  engine,
  tokens: { read: READ, admin: ADMIN },
  hosts: allowedHosts(place, { hosts: "" }),
  streamsMax: 1,
  nowMs: () => nowMs,
  stats: new HttpStats(),
  verifier: null,
});
server.on("request", (incoming, outgoing) => door(incoming, outgoing, false));

after(async () => {
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await engine.stop();
});

function nameOf({ text }: Answer): string {
  return JSON.parse(text).name;
}

async function issue(): Promise<string> {
  const headers = { authorization: `Bearer ${READ}` };
  const answer = await ask(place, {
    method: "POST",
    target: "/v1/tickets",
    headers,
    body: { stream: STREAM },
  });
  assert.equal(answer.status, 201, answer.text);
  return JSON.parse(answer.text).url;
}

async function open(target: string, lastEventId?: string): Promise<string> {
  return nameOf(await ask(place, { target, headers: { "last-event-id": lastEventId } }));
}

const LET_IN = "http_engine_unreachable";
const REFUSED = "http_ticket_refused";

test("a ticket is worth something for half a minute", async () => {
  const late = await issue();
  const good = await issue();
  nowMs += HTTP_TICKET_MS;
  assert.equal(await open(good), LET_IN);
  nowMs += 1;
  assert.equal(await open(late), REFUSED);
  assert.equal(await open(late, "0:1"), REFUSED);
});

test("and again for half a minute after the end of its stream", async () => {
  const ticket = await issue();
  assert.equal(await open(ticket), LET_IN);
  assert.equal(await open(ticket), REFUSED, "not from the start");
  for (let again = 0; again < 3; again += 1) {
    nowMs += HTTP_TICKET_MS;
    assert.equal(await open(ticket, "0:1"), LET_IN);
  }
  nowMs += HTTP_TICKET_MS + 1;
  assert.equal(await open(ticket, "0:1"), REFUSED);
});

test("a raw value and lines have no length limit of JSON, and no type of others", async () => {
  const target = "/v1/topics/t/records";
  const post = async (type: string, body: string, more: Question["headers"] = {}) => {
    const headers = { authorization: `Bearer ${ADMIN}`, "content-type": type, ...more };
    return nameOf(await ask(place, { method: "POST", target, body, headers }));
  };
  for (const type of ["application/octet-stream", "text/plain", "application/x-ndjson"]) {
    assert.equal(await post(type, "x"), LET_IN, type);
  }
  assert.equal(await post("application/json", "{}"), LET_IN);
  assert.equal(await post("text/html", "x"), "http_content_type_unsupported");
  const large = { "content-length": String(1 << 30) };
  assert.equal(await post("application/json", "{}", large), "http_body_too_large");
  assert.equal(await post("application/octet-stream", "x", large), "http_body_too_large");
  const asRead = { authorization: `Bearer ${READ}` };
  assert.equal(await post("application/json", "{}", asRead), "http_scope_too_small");
});
