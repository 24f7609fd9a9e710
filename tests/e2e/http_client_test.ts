/**
 * The typed client of the HTTP door (`sluice/http`) against a running broker: what is asked and
 * answered in each of its ways.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { HttpAnswerError, HttpApi, ProblemError } from "../../src/client/http/mod.ts";
import { startBroker } from "../support/broker.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("http-client"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const { place, tokens } = await HttpDoor.of(broker, data);
assert.ok("port" in place);
const url = `http://${place.host}:${place.port}`;
const api = new HttpApi({ url, token: `${tokens.admin}\n` });
const reader = new HttpApi({ url: `${url}/`, token: tokens.read });

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

async function problemOf(call: Promise<unknown>): Promise<ProblemError> {
  const error = await call.then(() => null, (error: unknown) => error);
  assert.ok(error instanceof ProblemError, String(error));
  return error;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

test("health, the broker, its description and its metrics", async () => {
  const anybody = new HttpApi({ url });
  assert.deepEqual(await anybody.isLive(), { status: "live" });
  assert.equal((await anybody.isReady()).status, "ready");
  assert.equal((await reader.getBroker()).runtime.name.toLowerCase(), BROKER_RUNTIME);
  assert.equal((await anybody.getOpenApi() as { openapi: string }).openapi, "3.1.0");
  assert.match(await anybody.getDocs(), /^<!doctype html>/i);
  assert.match(await reader.getMetrics(), /^# HELP /m);
  assert.match(await reader.getMetricsInOpenMetrics(), /^# EOF$/m);
});

test("topics: created, altered, listed page by page, deleted", async () => {
  for (const name of ["page-c", "page-a", "page-b"]) {
    const { partitions } = await api.createTopic({ body: { name, partitions: 2 } });
    assert.equal(partitions.length, 2);
  }
  const names: string[] = [];
  const sizes: number[] = [];
  let after: string | undefined;
  do {
    const page = await reader.listTopics({ prefix: "page-", limit: 2, after });
    names.push(...page.topics.map(({ name }) => name));
    sizes.push(page.topics.length);
    after = page.next ?? undefined;
  } while (after !== undefined);
  assert.deepEqual(names, ["page-a", "page-b", "page-c"]);
  assert.deepEqual(sizes, [2, 1]);
  const config = { "retention.ms": 3_600_000, durability: "os" } as const;
  const altered = await api.alterTopic({ topic: "page-a", body: { config } });
  assert.deepEqual([altered.config["retention.ms"], altered.config["durability"]], [
    "3600000",
    "os",
  ]);
  const more = await api.addPartitions({ topic: "page-a", body: { partitions: 3 } });
  assert.equal(more.partitions.length, 3);
  assert.equal(await api.deleteTopic({ topic: "page-b" }), undefined);
  assert.equal((await problemOf(reader.getTopic({ topic: "page-b" }))).name, "topic_not_found");
});

test("records go in as JSON, lines, bytes and text, and out as JSON, lines and bytes", async () => {
  await api.createTopic({ body: { name: "orders" } });
  const topic = "orders";
  const body = [{ key: "ann", value: "1" }, { value: { paid: true } }];
  const first = await api.produceRecords({ topic, body });
  assert.deepEqual(first.records.map(({ partition, offset }) => [partition, offset]), [[0, 0], [
    0,
    1,
  ]]);
  const raw = new Uint8Array([0, 255, 7]);
  const header = ["source=test", "kind=raw"];
  await api.produceRecordsBytes({ topic, key: "é", header, timestamp: 1000, body: raw });
  await api.produceRecordsText({ topic, body: "text ☃" });
  async function* values(): AsyncGenerator<{ value: string }> {
    yield { value: "line 1" };
    await Promise.resolve();
    yield { value: "line\n2" };
  }
  const lines = await all(api.produceRecordsLines({ topic, body: values() }));
  assert.deepEqual(lines.map((line) => "acknowledged" in line ? -1 : line.line), [1, 2, -1]);

  const { records, next } = await reader.readRecords({ topic, from: "earliest" });
  assert.deepEqual(records.map(({ value, valueBase64 }) => value ?? valueBase64), [
    "1",
    '{"paid":true}',
    "AP8H",
    "text ☃",
    "line 1",
    "line\n2",
  ]);
  assert.deepEqual([records[2]!.key, records[2]!.timestamp], ["é", 1000]);
  assert.deepEqual(records[2]!.headers?.map(({ name }) => name), ["source", "kind"]);
  let heard: string | null = null;
  const onHead = ({ headers }: { headers: Headers }): void => {
    heard = headers.get("sluice-next");
  };
  assert.deepEqual(
    await all(reader.readRecordsLines({ topic, maxRecords: 6 }, { onHead })),
    records,
  );
  assert.equal(heard, next);
  const bytes = await reader.readRecordsBytes({ topic, partitions: "0" });
  assert.equal(bytes[16], 2, "batches of format 2");
  assert.deepEqual((await reader.readRecords({ topic, from: next })).records, []);
});

test("more lines than a socket holds, from a list, answered at their end", async () => {
  await api.createTopic({ body: { name: "many", config: { durability: "os" } } });
  const body = Array.from({ length: 20_000 }, (_, i) => ({ value: `${i} ${"x".repeat(90)}` }));
  const [last, ...others] = await all(
    api.produceRecordsLines({ topic: "many", answer: "last", body }),
  );
  assert.deepEqual(others, []);
  assert.ok(last !== undefined && "acknowledged" in last && last.error === undefined);
  assert.equal(last.acknowledged, 20_000);
});

test("a stream of events goes on where it was left", async () => {
  await api.createTopic({ body: { name: "stream" } });
  const produced = Array.from({ length: 6 }, (_, i) => ({ value: `${i}` }));
  await api.produceRecords({ topic: "stream", body: produced });
  const seen: string[] = [];
  let id = "";
  for (let turn = 0; turn < 2; turn += 1) {
    const request = { topic: "stream", from: "earliest", "last-event-id": id };
    for await (const event of reader.streamRecords(request)) {
      seen.push(JSON.parse(event.data).value);
      id = event.id ?? id;
      if (seen.length % 3 === 0) break;
    }
  }
  assert.deepEqual(seen, ["0", "1", "2", "3", "4", "5"]);
});

test("a signal ends a call that waits, and a stream, with its reason", async () => {
  await api.createTopic({ body: { name: "quiet" } });
  const reason = new Error("enough");
  const aborting = new AbortController();
  const onHead = (): void => void setTimeout(() => aborting.abort(reason), 1);
  const options = { signal: aborting.signal, onHead };
  await assert.rejects(all(reader.streamRecords({ topic: "quiet" }, options)), reason);
  const another = new AbortController();
  const send = (url: string, init: RequestInit): Promise<Response> => {
    const answer = fetch(url, init);
    another.abort(reason);
    return answer;
  };
  const waiting = new HttpApi({ url, token: tokens.read, fetch: send })
    .readRecords({ topic: "quiet", waitMs: 30_000 }, { signal: another.signal });
  await assert.rejects(waiting, reason);
});

test("a group is reset, first dry", async () => {
  const group = "team/app~1";
  const body = { topic: "orders", to: { offset: 2 } } as const;
  const dry = await api.resetGroup({ group, body: { ...body, dryRun: true } });
  assert.deepEqual(dry.moves, [{ topic: "orders", partition: 0, before: null, after: 2 }]);
  assert.equal((await problemOf(reader.getGroup({ group }))).name, "group_not_found");
  await api.resetGroup({ group, body });
  assert.deepEqual((await reader.listGroups()).groups.map(({ group }) => group), [group]);
  const { offsets, lagRecords } = await reader.getGroup({ group, topic: "orders" });
  assert.deepEqual([offsets[0]!.committed, lagRecords], [2, 4]);
  await api.deleteGroup({ group });
  assert.deepEqual((await reader.listGroups()).groups, []);
});

test("a setting is changed while the broker runs, and follows its default again", async () => {
  const valueOf = (settings: { key: string; value: string; source: string }[]) => {
    return settings.find(({ key }) => key === "log.retention.ms")!;
  };
  const { settings } = await api.alterConfig({ body: { config: { "log.retention.ms": 60_000 } } });
  const { value, source } = valueOf([...settings]);
  assert.deepEqual([value, source], ["60000", "changed while running"]);
  await api.alterConfig({ body: { config: { "log.retention.ms": null } } });
  assert.equal(valueOf([...(await reader.getConfig()).settings]).source, "default");
});

test("lines of a verification, and records deleted", async () => {
  const lines = await all(api.verifyPartition({ topic: "orders", partition: 0 }));
  const last = lines.at(-1)!;
  assert.ok(last.kind === "summary", JSON.stringify(last));
  assert.equal(last.findings["damage"], 0);
  const deleted = await api.deleteRecords({ topic: "orders", partition: 0, before: "end" });
  assert.deepEqual(deleted, { logStart: 6 });
});

test("connections are listed and closed", async () => {
  const idle = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`], clientName: "idle" });
  const named = { limit: 1, clientName: "idle" };
  const { connections } = await reader.listConnections(named);
  assert.equal(connections.length, 1);
  const { id } = connections[0]!;
  await api.closeConnection({ id });
  await until("it is gone", async () => {
    return (await reader.listConnections(named)).connections.every((one) => one.id !== id);
  });
  await idle.close();
  const missing = await problemOf(api.closeConnection({ id: 4_000_000 }));
  assert.deepEqual([missing.name, missing.status], ["connection_not_found", 404]);
});

test("problems have the fields of the table", async () => {
  const twice = await problemOf(api.createTopic({ body: { name: "orders" } }));
  assert.deepEqual([twice.name, twice.status, twice.retriable], ["topic_exists", 409, false]);
  assert.equal(twice.detail, "orders");
  assert.match(twice.message, /: orders$/);
  const wrong = await problemOf(api.createTopic({ body: { name: "a b", partitions: 0 } }));
  assert.equal(wrong.name, "http_invalid_request");
  assert.deepEqual(wrong.issues.map(({ at }) => at), ["body.name", "body.partitions"]);
  const list = [{ value: "fits" }, { value: "x", partition: 7 }];
  const partly = await problemOf(api.produceRecords({ topic: "orders", body: list }));
  assert.equal(partly.records.length, 2);
  assert.equal(partly.records[1]!["name"], partly.name);
  const small = await problemOf(reader.deleteTopic({ topic: "orders" }));
  assert.deepEqual([small.name, small.status], ["http_scope_too_small", 403]);
  const none = await problemOf(new HttpApi({ url }).listTopics());
  assert.equal(none.name, "http_token_required");
  const ticket = await api.issueTicket({ body: { stream: "/v1/topics/orders/stream" } });
  assert.match(ticket.url, /ticket=/);
});

test("a line that is wrong is told where it stands; values that throw end the call", async () => {
  const body = [{ value: "well" }, { value: "x", timestamp: "noon" }];
  const lines = await all(api.produceRecordsLines({ topic: "quiet", body }));
  const last = lines.at(-1)!;
  assert.ok("acknowledged" in last);
  assert.deepEqual([last.acknowledged, last.line, last.error?.name], [
    1,
    2,
    "http_invalid_request",
  ]);
  function* broken(): Generator<{ value: string }> {
    yield { value: "one" };
    throw new RangeError("no more");
  }
  const call = all(api.produceRecordsLines({ topic: "quiet", body: broken() }));
  await assert.rejects(call, new RangeError("no more"));
});

test("nobody there, and no token in what is said of it", async () => {
  const nowhere = new HttpApi({ url: "http://127.0.0.1:1", token: tokens.admin });
  const call = nowhere.readRecords({ topic: "orders", from: "0:424242" });
  const error = await call.then(() => null, (error: unknown) => error as HttpAnswerError);
  assert.ok(error instanceof HttpAnswerError);
  assert.deepEqual([error.name, error.retriable], ["http_unreachable", true]);
  const said = `${error.stack} ${JSON.stringify(error)} ${error.cause}`;
  assert.ok(!said.includes(tokens.admin) && !said.includes("0:424242"), said);
});
