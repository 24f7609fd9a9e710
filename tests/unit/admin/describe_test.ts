/** The words of descriptions: scopes, and the problems that a route may answer with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs, problems } from "../../../src/admin/describe.ts";
import { RouteTable } from "../../../src/admin/route_table.ts";

test("a scope that a description says is the one that the gate asks for", () => {
  for (const scope of ["none", "read", "admin"] as const) {
    const table = new RouteTable([{ method: "get", path: "/a", security: needs(scope) }]);
    assert.equal(table.rules[0]!.scope, scope);
  }
});

test("problems stand by status, those of every route of a kind among them", () => {
  const statuses = (...args: Parameters<typeof problems>) => Object.keys(problems(...args));
  assert.deepEqual(statuses("none"), ["400", "403", "421", "500"]);
  assert.deepEqual(statuses("read"), ["400", "401", "403", "421", "500", "503"]);
  const changing = statuses("admin", ["topic_not_found"], { body: true });
  assert.deepEqual(changing, [
    "400",
    "401",
    "403",
    "404",
    "411",
    "413",
    "415",
    "421",
    "500",
    "503",
  ]);
});

test("each with its name and what it means", () => {
  const of = problems("none", ["topic_exists", "offset_out_of_range"]) as Record<
    string,
    { description: string; content: object }
  >;
  assert.equal(
    of["409"]!.description,
    "`topic_exists`: A topic of this name exists.\n" +
      "`offset_out_of_range`: The offset is below the log start or above the log end.",
  );
  assert.deepEqual(Object.keys(of["409"]!.content), ["application/problem+json"]);
});
