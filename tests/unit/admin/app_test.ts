/** The descriptions of all routes: complete, and what the gate goes by. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { descriptionsOf, makeApp } from "../../../src/admin/app.ts";
import { Engine } from "../../../src/admin/engine.ts";
import { HttpStats } from "../../../src/admin/http_stats.ts";
import { STATUS } from "../../../src/admin/problem.ts";
import { openApiOf } from "../../../src/admin/routes/reference.ts";
import { StreamPlaces } from "../../../src/admin/records/stream_places.ts";
import { Tickets } from "../../../src/admin/tickets.ts";
import { SCOPES } from "../../../src/admin/tokens.ts";
import { ROOT } from "../../support/runtimes.ts";

const NOWHERE = "/nowhere/shard.sock";
const recovery = { partitionsDone: 0, partitions: 0, scannedBytes: 0 };
const engine = new Engine(NOWHERE, { startedMs: 0, isServing: true, recovery });
const places = new StreamPlaces(1);
const services = { tickets: new Tickets(() => 0), places, stats: new HttpStats(), verifier: null };
const { app, routes } = makeApp(engine, services);
const document = openApiOf(app);

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly responses: Readonly<Record<string, { description: string }>>;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) => {
  return Object.entries(methods as unknown as Record<string, Operation>)
    .map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation }));
});

test("every route is in the table of the gate and in the document, once", () => {
  const ruled = routes.rules.map(({ method, path }) => `${method} ${path}`).sort();
  assert.deepEqual(operations.map(({ name }) => name).sort(), ruled);
  assert.equal(descriptionsOf(app).length, ruled.length);
});

test("docs/HTTP.md names every route, and no other", () => {
  const page = readFileSync(join(ROOT, "docs/HTTP.md"), "utf8");
  const [, table = ""] = /\n## Routes\n\n(\|[\s\S]*?)\n\n/.exec(page)!;
  const named = table.split("\n").slice(2).flatMap((row) => {
    const cell = row.split("|")[1]!;
    let methods: string[] = [];
    // `GET`, `POST /v1/topics`: methods go before the path that they have.
    return [...cell.matchAll(/`([A-Z]+)(?: ([^`?]+)[^`]*)?`/g)].flatMap(([, method = "", path]) => {
      methods.push(method);
      if (path === undefined) return [];
      const routes = methods.map((one) => `${one} ${path}`);
      methods = [];
      return routes;
    });
  });
  assert.deepEqual(named.sort(), operations.map(({ name }) => name).sort());
});

test("a public validator finds nothing wrong with the document", async () => {
  const copy = () => JSON.parse(JSON.stringify(document));
  const sound = await new Validator().validate(copy());
  assert.deepEqual(sound, { valid: true });
  const { paths, ...pathless } = copy();
  const nameless = { ...pathless, paths: { livez: paths["/livez"] } };
  assert.equal((await new Validator().validate(nameless)).valid, false, "it looks");
});

test("every operation has a name of its own, a summary, a tag and its security", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  const tags = new Set(document.tags?.map(({ name }) => name));
  for (const { name, operation } of operations) {
    assert.match(operation.summary, /^[A-Z].*[.?]$/, name);
    assert.deepEqual(operation.tags.filter((tag) => !tags.has(tag)), [], name);
    assert.equal(operation.tags.length, 1, name);
    assert.equal(operation.security.length, 1, name);
  }
});

test("only reading is done without a token or with the small one", () => {
  for (const { method, path, scope } of routes.rules) {
    assert.ok(SCOPES.includes(scope));
    if (method !== "GET" && path !== "/v1/tickets") {
      assert.equal(scope, "admin", `${method} ${path}`);
    }
    if (path.startsWith("/v1/")) assert.notEqual(scope, "none", `${method} ${path}`);
  }
});

test("what the gate may answer is documented", () => {
  for (const { method, path, scope, bodyTypes } of routes.rules) {
    const { operation } = operations.find(({ name }) => name === `${method} ${path}`)!;
    const statuses = Object.keys(operation.responses).map(Number);
    const wanted = [
      STATUS.http_invalid_request,
      STATUS.http_host_refused,
      STATUS.http_origin_refused,
      ...(scope === "none" ? [] : [STATUS.http_token_required, STATUS.http_engine_unreachable]),
      ...(bodyTypes.length === 0 ? [] : [411, 413, 415]),
    ];
    for (const status of wanted) {
      assert.ok(statuses.includes(status), `${method} ${path} ${status}`);
    }
  }
});

test("a shard that is not there is told as such", async () => {
  const admission = { rule: routes.rules[0]!, scope: "admin" as const, ticket: null };
  const bindings = { admission, rawHeaders: [], cut: () => {} };
  const answer = await app.fetch(new Request("http://localhost/v1/topics"), bindings);
  assert.equal(answer.status, 503);
  assert.equal((await answer.json() as { name: string }).name, "http_engine_unreachable");
  const ready = await app.fetch(new Request("http://localhost/readyz"), bindings);
  assert.deepEqual([ready.status, await ready.json()], [503, { status: "unreachable" }]);
  await engine.stop();
  const stopping = await app.fetch(new Request("http://localhost/readyz"), bindings);
  assert.deepEqual([stopping.status, await stopping.json()], [503, { status: "stopping" }]);
  const late = await app.fetch(new Request("http://localhost/v1/topics"), bindings);
  assert.equal((await late.json() as { name: string }).name, "shutting_down");
});
