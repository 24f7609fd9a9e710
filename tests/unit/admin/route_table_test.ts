/** What may be asked, from descriptions; two that fit one path are a mistake. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BODY_LIMIT,
  BODY_STREAMS,
  type RouteDescription,
  RouteTable,
  TAKES_TICKET,
  UNTRACED,
} from "../../../src/admin/route_table.ts";
import { HTTP_BODY_SIZE_MAX } from "../../../src/limits.ts";

const READ = [{ bearer: ["read"] }];

function route(method: string, path: string, more: Partial<RouteDescription> = {}) {
  return { method, path, security: READ, ...more };
}

test("a path has its rules by method, with scope and body", () => {
  const content = { "application/json": {}, "text/plain": {} };
  const table = new RouteTable([
    route("get", "/v1/topics/{topic}"),
    route("patch", "/v1/topics/{topic}", {
      security: [{ bearer: ["admin"] }],
      request: { body: { content } },
    }),
    route("get", "/livez", { security: [{}] }),
    route("put", "/x", { [BODY_LIMIT]: 5, [BODY_STREAMS]: ["text/csv"], [TAKES_TICKET]: true }),
    route("post", "/x", { [UNTRACED]: true }),
  ]);
  const rules = table.find(["v1", "topics", "any"])!;
  assert.deepEqual([...rules.keys()], ["GET", "PATCH"]);
  assert.deepEqual(rules.get("GET"), {
    method: "GET",
    path: "/v1/topics/{topic}",
    scope: "read",
    bodyTypes: [],
    bodyBytesMax: HTTP_BODY_SIZE_MAX,
    streamedTypes: [],
    takesTicket: false,
    isTraced: false,
    operation: "get /v1/topics/{topic}",
  });
  assert.deepEqual(rules.get("PATCH")?.bodyTypes, ["application/json", "text/plain"]);
  assert.equal(rules.get("PATCH")?.scope, "admin");
  assert.deepEqual([rules.get("PATCH")?.isTraced, table.find(["x"])?.get("POST")?.isTraced], [
    true,
    false,
  ]);
  assert.equal(table.find(["livez"])?.get("GET")?.scope, "none");
  const put = table.find(["x"])?.get("PUT");
  assert.deepEqual([put?.bodyBytesMax, put?.streamedTypes, put?.takesTicket], [
    5,
    ["text/csv"],
    true,
  ]);
  for (const none of [[], [""], ["v1"], ["v1", "topics"], ["V1", "topics", "a"], ["livez", ""]]) {
    assert.equal(table.find(none), null, none.join("/"));
  }
});

test("who says nothing about tokens needs the one that may do everything", () => {
  const { security: _, ...silent } = route("get", "/a");
  const table = new RouteTable([silent, route("get", "/b", { security: [{ bearer: [] }] })]);
  assert.deepEqual(table.rules.map(({ scope }) => scope), ["admin", "admin"]);
});

test("two routes that fit one path, and one route twice, are refused", () => {
  const first = route("get", "/v1/topics/{topic}");
  for (const second of ["/v1/topics/all", "/v1/topics/{name}/x", "/{a}/topics/{b}"]) {
    const add = () => new RouteTable([first, route("post", second)]);
    if (second.endsWith("/x")) assert.doesNotThrow(add);
    else assert.throws(add, /two routes fit POST/);
  }
  assert.throws(() => new RouteTable([first, first]), /two routes fit GET/);
});
