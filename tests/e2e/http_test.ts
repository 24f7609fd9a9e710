/**
 * The HTTP door of a running broker: what each route answers, over TCP and over the Unix socket.
 */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { ask, HttpDoor } from "../support/http.ts";
import { CLIENT_RUNTIME } from "../support/pair.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("http");
const data = join(directory, "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);
const sluice = commands(broker);

interface Named {
  name: string;
}

test("health is told without a token, and names no topic", async () => {
  const live = await door.ask({ target: "/livez" }, null);
  assert.deepEqual([live.status, JSON.parse(live.text)], [200, { status: "live" }]);
  const ready = await door.ask({ target: "/readyz" }, null);
  const { status, partitions, disk } = JSON.parse(ready.text);
  assert.deepEqual([ready.status, status, partitions], [200, "ready", {
    count: 0,
    degraded: 0,
    failed: 0,
  }]);
  assert.equal(disk.state, "ok");
  assert.ok(disk.freeBytes > 0 && disk.totalBytes >= disk.freeBytes);
});

test("the broker says what it is", async () => {
  const found = await door.get("/v1/broker") as Record<string, unknown>;
  const { version, runtime, nodes, node, unwell } = found;
  assert.match(String(version), /^\d+\.\d+\.\d+$/);
  assert.equal((runtime as Named).name, BROKER_RUNTIME);
  assert.deepEqual(nodes, [{ nodeId: 0, host: "127.0.0.1", port: broker.port }]);
  assert.deepEqual([node, unwell], [{ nodeId: 0, nodeEpoch: 0 }, []]);
});

test("a topic is created, found, altered, grown and deleted", async () => {
  const body = { name: "orders", partitions: 2, config: { "retention.ms": 1000 } };
  const made = await door.ask({ method: "POST", target: "/v1/topics", body });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.get("location"), "/v1/topics/orders");
  const topic = JSON.parse(made.text);
  assert.equal(topic.config["retention.ms"], "1000");
  assert.deepEqual(topic.partitions[1], {
    partition: 1,
    leader: 0,
    state: "ok",
    logStart: 0,
    visibleEnd: 0,
    durableEnd: 0,
    logEnd: 0,
    sizeBytes: 0,
    segments: 1,
    oldest: null,
    newest: null,
  });
  assert.deepEqual(await door.get("/v1/topics/orders"), topic);
  const again = await door.json(409, { method: "POST", target: "/v1/topics", body });
  assert.equal((again as Named).name, "topic_exists");

  const change = { config: { "retention.ms": null, "segment.bytes": 65536 } };
  const target = "/v1/topics/orders";
  const altered = await door.json(200, { method: "PATCH", target, body: change });
  const { config } = altered as { config: Record<string, string> };
  assert.deepEqual([config["retention.ms"], config["segment.bytes"]], ["604800000", "65536"]);

  const grown = await door.json(200, {
    method: "PUT",
    target: `${target}/partitions`,
    body: { partitions: 3 },
  });
  assert.equal((grown as { partitions: unknown[] }).partitions.length, 3);
  const fewer = { method: "PUT", target: `${target}/partitions`, body: { partitions: 2 } };
  assert.equal((await door.json(409, fewer) as Named).name, "invalid_partitions");
  const unknown = { method: "PATCH", target, body: { config: { "": 1 } } };
  assert.equal((await door.json(400, unknown) as Named).name, "invalid_config");
  const gone = await door.ask({ method: "DELETE", target });
  assert.deepEqual([gone.status, gone.text], [204, ""]);
  const none = await door.json(404, { target });
  assert.equal((none as Named).name, "topic_not_found");
});

test("records are counted, and deleted up to an offset", async () => {
  await sluice(["topic", "create", "records"]);
  const fromMs = Date.now();
  await sluice(["produce", "records"], { stdin: "a\nb\nc\nd\n" });
  const { partitions: [at] } = await door.get("/v1/topics/records") as {
    partitions: { visibleEnd: number; sizeBytes: number; oldest: string; newest: string }[];
  };
  assert.equal(at!.visibleEnd, 4);
  assert.ok(at!.sizeBytes > 61);
  for (const time of [at!.oldest, at!.newest]) {
    assert.ok(Date.parse(time) >= fromMs && Date.parse(time) <= Date.now(), time);
  }
  const target = "/v1/topics/records/partitions/0/records";
  const to = (before: string) => ({ method: "DELETE", target: `${target}?before=${before}` });
  assert.deepEqual(await door.json(200, to("3")), { logStart: 3 });
  assert.equal((await sluice(["consume", "records"])).out, "d\n");
  assert.equal((await door.json(409, to("5")) as Named).name, "offset_out_of_range");
  assert.deepEqual(await door.json(200, to("end")), { logStart: 4 });
  const other = { method: "DELETE", target: target.replace("/0/", "/1/") + "?before=end" };
  assert.equal((await door.json(404, other) as Named).name, "partition_not_found");
});

test("lists have pages, filters and an order", async () => {
  for (const name of ["page-c", "page-a", "page-b"]) await sluice(["topic", "create", name]);
  const names = async (query: string) => {
    const { topics, next } = await door.get(`/v1/topics?${query}`) as {
      topics: Named[];
      next: string | null;
    };
    return [topics.map(({ name }) => name), next];
  };
  assert.deepEqual(await names("prefix=page-"), [["page-a", "page-b", "page-c"], null]);
  assert.deepEqual(await names("prefix=page-&limit=2"), [["page-a", "page-b"], "page-b"]);
  assert.deepEqual(await names("prefix=page-&limit=2&after=page-b"), [["page-c"], null]);
  assert.deepEqual(await names("contains=ge-&order=desc&limit=1"), [["page-c"], "page-c"]);
  assert.deepEqual(await names("contains=nothing"), [[], null]);
});

test("a group is listed, described, reset and forgotten", async () => {
  await sluice(["topic", "create", "read"]);
  await sluice(["produce", "read"], { stdin: "a\nb\nc\nd\n" });
  const reset = (group: string, body: object) => {
    return {
      method: "POST",
      target: `/v1/groups/${group}/reset`,
      body: { topic: "read", ...body },
    };
  };
  const moved = async (group: string, body: object) => {
    const found = await door.json(200, reset(group, body));
    const { moves } = found as { moves: { before: number | null; after: number }[] };
    return moves.map(({ before, after }) => [before, after])[0];
  };
  const dry = { to: { offset: 3 }, dryRun: true };
  assert.deepEqual(await moved("billing", dry), [null, 3]);
  assert.equal(
    (await door.json(404, { target: "/v1/groups/billing" }) as Named).name,
    "group_not_found",
  );
  assert.deepEqual(await moved("billing", { to: { offset: 3 } }), [null, 3]);
  assert.deepEqual(await moved("billing", { to: { shift: -2 } }), [3, 1]);
  assert.deepEqual(await moved("billing", { to: "end", dryRun: true }), [1, 4]);
  assert.deepEqual(
    await moved("billing", { to: { shift: 99 }, dryRun: true }),
    [1, 4],
    "no further",
  );
  assert.deepEqual(await moved("billing", { to: { time: "1970-01-01T00:00:00Z" }, dryRun: true }), [
    1,
    0,
  ]);
  const stand = await door.get("/v1/groups/billing") as {
    lagRecords: number;
    lagMs: number;
    offsets: { committed: number; visibleEnd: number; lagRecords: number; lagMs: number }[];
  };
  assert.deepEqual([stand.lagRecords, stand.lagMs], [3, 0], "the records are of one batch");
  assert.deepEqual(
    stand.offsets.map((
      { committed, visibleEnd, lagRecords },
    ) => [committed, visibleEnd, lagRecords]),
    [[1, 4, 3]],
  );
  const listed = await door.get("/v1/groups?prefix=bill");
  assert.deepEqual(listed, {
    groups: [{ group: "billing", state: "empty", partitions: 1 }],
    next: null,
  });
  const nothing = await door.json(404, reset("nobody", { to: { shift: 1 } }));
  assert.match(String((nothing as { detail: string }).detail), /nothing to shift from/);
  assert.equal((await door.ask({ method: "DELETE", target: "/v1/groups/billing" })).status, 204);
  assert.deepEqual(await door.get("/v1/groups"), { groups: [], next: null });
});

test("a name that a path cannot hold as it is stands there encoded", async () => {
  const body = { topic: "read", to: "end" };
  const target = "/v1/groups/a%20b%C3%A4%3F/reset";
  const found = await door.json(200, { method: "POST", target, body });
  assert.equal((found as { group: string }).group, "a bä?");
  assert.equal(
    (await door.ask({ method: "DELETE", target: "/v1/groups/a%20b%C3%A4%3F" })).status,
    204,
  );
});

test("connections are listed, and one is ended", async () => {
  const { Connection } = await import("../../src/client/connection.ts");
  const connection = await Connection.connect(
    { host: "127.0.0.1", port: broker.port },
    { clientName: "victim" },
  );
  const { connections } = await door.get("/v1/connections?clientName=victim") as {
    connections: { id: number; peer: string; requests: number }[];
  };
  assert.equal(connections.length, 1);
  assert.match(connections[0]!.peer, /^127\.0\.0\.1:\d+$/);
  const target = `/v1/connections/${connections[0]!.id}`;
  assert.equal((await door.ask({ method: "DELETE", target })).status, 204);
  await connection.ended;
  const none = await door.json(404, { method: "DELETE", target });
  assert.equal((none as Named).name, "connection_not_found");
});

test("settings have sources, and change while the broker runs", async () => {
  const of = async (key: string, found?: unknown) => {
    const { settings } = (found ?? await door.get("/v1/config")) as {
      settings: { key: string; value: string; source: string }[];
    };
    const { value, source } = settings.find((setting) => setting.key === key)!;
    return [value, source];
  };
  assert.deepEqual(await of("dataDirectory"), [data, "command line"]);
  assert.deepEqual(await of("http.listen"), ["127.0.0.1:0", "command line"]);
  const change = (config: object) => ({ method: "PATCH", target: "/v1/config", body: { config } });
  const changed = await door.json(200, change({ "connections.max": 77 }));
  assert.deepEqual(await of("connections.max", changed), ["77", "changed while running"]);
  const back = await door.json(200, change({ "connections.max": null }));
  assert.deepEqual(await of("connections.max", back), ["16384", "default"]);
  const refused = await door.json(400, change({ dataDirectory: "/elsewhere" }));
  assert.equal((refused as Named).name, "invalid_config");
  const text = JSON.stringify(await door.get("/v1/config"));
  for (const token of Object.values(door.tokens)) assert.ok(!text.includes(token));
});

test("what does not fit its description is refused with the place", async () => {
  const cases: [method: string, target: string, body: unknown, at: string][] = [
    ["GET", "/v1/topics?limit=0", undefined, "query.limit"],
    ["GET", "/v1/topics?limit=1e1", undefined, "query.limit"],
    ["GET", "/v1/topics?limit=", undefined, "query.limit"],
    ["GET", "/v1/topics?limit=1&limit=2", undefined, "query.limit"],
    ["GET", "/v1/topics?order=up", undefined, "query.order"],
    ["GET", "/v1/topics?nothing=1", undefined, "query"],
    ["GET", "/v1/topics/no!topic", undefined, "path.topic"],
    ["GET", `/v1/topics/${"a".repeat(250)}`, undefined, "path.topic"],
    ["DELETE", "/v1/topics/t/partitions/-1/records?before=1", undefined, "path.partition"],
    ["DELETE", "/v1/topics/t/partitions/1e1/records?before=1", undefined, "path.partition"],
    ["DELETE", "/v1/topics/t/partitions/0/records", undefined, "query.before"],
    ["DELETE", "/v1/connections/9007199254740993", undefined, "path.id"],
    ["POST", "/v1/topics", { partitions: 1 }, "body.name"],
    ["POST", "/v1/topics", { name: "a", partitions: 0 }, "body.partitions"],
    ["POST", "/v1/topics", { name: "a", more: 1 }, "body"],
    ["POST", "/v1/topics", [], "body"],
    ["PATCH", "/v1/topics/a", { config: {} }, "body.config"],
    ["POST", "/v1/groups/g/reset", { topic: "t", to: "there" }, "body.to"],
    ["POST", "/v1/groups/g/reset", { topic: "t", to: { offset: -1 } }, "body.to.offset"],
  ];
  for (const [method, target, body, at] of cases) {
    const found = await door.json(400, { method, target, body }) as {
      name: string;
      issues: { at: string }[];
    };
    assert.equal(found.name, "http_invalid_request", target);
    assert.ok(
      found.issues.some((issue) => issue.at === at),
      JSON.stringify([target, found.issues]),
    );
  }
  const broken = await door.ask({
    method: "POST",
    target: "/v1/topics",
    body: "{",
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual([broken.status, JSON.parse(broken.text).name], [400, "http_invalid_request"]);
});

test("the Unix socket needs no token, and is its user's alone", async () => {
  const path = join(data, "run", "http.sock");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const answer = await ask({ path }, { target: "/v1/broker" });
  assert.equal(answer.status, 200, answer.text);
  const made = await ask({ path }, {
    method: "POST",
    target: "/v1/topics",
    body: { name: "local" },
  });
  assert.equal(made.status, 201, made.text);
  const odd = await ask({ path }, { target: "/livez", headers: { host: "a b" } });
  assert.deepEqual([odd.status, JSON.parse(odd.text).name], [400, "http_invalid_request"]);
});

test("the reference is served from the program itself, and loads nothing", async () => {
  const document = await door.ask({ target: "/openapi.json" }, null);
  assert.equal(document.status, 200);
  assert.equal(JSON.parse(document.text).openapi, "3.1.0");
  const page = await door.ask({ target: "/docs" }, null);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(
    page.headers.get("content-security-policy")!,
    /^default-src 'none'; style-src 'sha256-/,
  );
  assert.doesNotMatch(page.text, /<script|<img|<link|src=|url\(|https?:\/\//);
  for (const path of Object.keys(JSON.parse(document.text).paths)) {
    assert.ok(page.text.includes(`<code>${path}</code>`), path);
  }
  assert.match(page.text, /id="topic_not_found"/);
});

test("changes are traced with who made them, and no token is ever told", async () => {
  await door.ask({ method: "DELETE", target: "/v1/topics/local" });
  assert.match(broker.stderr(), /info http: DELETE \/v1\/topics\/local 204 \(admin\)/);
  for (const token of Object.values(door.tokens)) {
    assert.ok(!(broker.stdout() + broker.stderr()).includes(token));
  }
  assert.match(broker.stderr(), /the admin token is in .*http-admin\.token/);
});

test("it stops cleanly, its socket goes, and the tokens stay", async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.throws(() => statSync(join(data, "run", "http.sock")));
  const again = await startBroker({ runtime: CLIENT_RUNTIME, data, http: true });
  const { tokens } = await HttpDoor.of(again, data);
  assert.deepEqual(tokens, door.tokens);
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stderr());
});
