/** A path is compared as it is written; what could be read in two ways is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTarget } from "../../../src/admin/request_target.ts";

test("segments are given as they are written, without the query", () => {
  assert.deepEqual(parseTarget("/v1/topics/orders?limit=5&x=//../%2F"), ["v1", "topics", "orders"]);
  assert.deepEqual(parseTarget("/v1/groups/a%20b"), ["v1", "groups", "a%20b"]);
  assert.deepEqual(parseTarget("/v1/groups/%C3%A4"), ["v1", "groups", "%C3%A4"]);
  assert.deepEqual(parseTarget("/v1/topics/..."), ["v1", "topics", "..."]);
  assert.deepEqual(parseTarget("/"), [""]);
});

test("tricks are no path", () => {
  const tricks = [
    "",
    "*",
    "v1/topics",
    "//v1/topics",
    "/v1//topics",
    "/v1/topics/",
    "/v1/./topics",
    "/v1/../topics",
    "/v1/%2e%2e/topics",
    "/v1/.%2E/topics",
    "/v1%2Ftopics",
    "/v1/groups/a%2fb",
    "/v1/groups/a%5Cb",
    "/v1\\topics",
    "/v1/topics/a%00",
    "/v1/topics/a%0d%0aX:1",
    "/v1/topics/a%C2%85",
    "/v1/topics/%",
    "/v1/topics/%zz",
    "/v1/topics/%ff",
    "/v1/topics/a b",
    "/v1/topics/ä",
    "/v1/topics#a",
    "http://localhost/v1/topics",
    "localhost:80",
  ];
  for (const trick of tricks) assert.equal(parseTarget(trick), null, trick);
});
