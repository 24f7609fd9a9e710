/** Every step of the gate, in its order: what is refused, why, and what is let in. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allowedHosts, Gate, type RequestHead } from "../../../src/admin/gate.ts";
import { BODY_STREAMS, RouteTable, TAKES_TICKET } from "../../../src/admin/route_table.ts";
import { Tickets } from "../../../src/admin/tickets.ts";
import { Tokens } from "../../../src/admin/tokens.ts";
import { HTTP_BODY_SIZE_MAX, HTTP_TICKET_MS } from "../../../src/limits.ts";

const READ = "r".repeat(43);
const ADMIN = "a".repeat(43);
const HOST = "127.0.0.1:7480";
const JSON_BODY = { body: { content: { "application/json": {} } } };

let nowMs = 0;
const tickets = new Tickets(() => nowMs);
const gate = new Gate({
  routes: new RouteTable([
    { method: "get", path: "/livez", security: [{}] },
    { method: "get", path: "/v1/topics", security: [{ bearer: ["read"] }] },
    {
      method: "post",
      path: "/v1/topics",
      security: [{ bearer: ["admin"] }],
      request: JSON_BODY,
    },
    {
      method: "post",
      path: "/v1/stream",
      security: [{ bearer: ["admin"] }],
      request: JSON_BODY,
      [BODY_STREAMS]: ["application/json"],
    },
    {
      method: "get",
      path: "/v1/topics/{topic}/stream",
      security: [{ bearer: ["read"] }],
      [TAKES_TICKET]: true,
    },
  ]),
  tokens: new Tokens({ read: READ, admin: ADMIN }),
  tickets,
  hosts: allowedHosts({ host: "127.0.0.1", port: 7480 }, {
    hosts: "broker.example,Other.example:80,proxied.example:443",
    advertised: { host: "mapped.example", port: 17480 },
  }),
});

type Headers = Readonly<Record<string, string | readonly string[]>>;

function head(line: string, headers: Headers, isLocal = false): RequestHead {
  const [method = "", target = ""] = line.split(" ");
  const rawHeaders = Object.entries(headers).flatMap(([name, values]) => {
    return [values].flat().flatMap((value) => [name, value]);
  });
  return { method, target, rawHeaders, isLocal };
}

/** What it is refused with, or the scope that it is let in with. */
function judge(line: string, headers: Headers = {}, isLocal = false): string {
  const found = gate.admit(head(line, { Host: HOST, ...headers }, isLocal));
  return "refused" in found ? found.refused : `in: ${found.scope}`;
}

const asRead = { Authorization: `Bearer ${READ}` };
const asAdmin = { Authorization: `Bearer ${ADMIN}` };
const post = { ...asAdmin, "Content-Type": "application/json", "Content-Length": "2" };

describe("Host", () => {
  test("this machine's names, the listener's own and configured ones are let in", () => {
    const hosts = [HOST, "localhost:7480", "LOCALHOST:7480", "[::1]:7480", "broker.example:7480"];
    const named = ["other.example", "other.example:80", "proxied.example:443"];
    for (const host of [...hosts, ...named, "mapped.example:17480", "localhost:17480"]) {
      assert.equal(judge("GET /livez", { Host: host }), "in: none", host);
    }
  });

  test("behind a proxy that ends TLS the port is left out, as behind one that does not", () => {
    const asked = { Host: "proxied.example", Origin: "https://proxied.example" };
    assert.equal(judge("GET /livez", asked), "in: none");
  });

  test("any other name or port, none, and two of them are refused", () => {
    const foreign = [
      "",
      "127.0.0.1",
      "127.0.0.1:80",
      "localhost",
      "localhost.:7480",
      "attacker.example:7480",
      "127.0.0.1:7480.attacker.example",
      "user@127.0.0.1:7480",
      "127.1:7480",
      "2130706433:7480",
      "0.0.0.0:7480",
      "other.example:7480",
      "mapped.example:7480",
      "mapped.example",
      "proxied.example:80",
      "localhost:443",
    ];
    for (const host of foreign) {
      assert.equal(judge("GET /livez", { Host: host }), "http_host_refused", host);
    }
    assert.equal(judge("GET /livez", { Host: [] }), "http_host_refused");
    assert.equal(judge("GET /livez", { Host: [HOST, HOST] }), "http_host_refused");
  });

  test("before all else, so that a foreign name learns nothing", () => {
    const line = "GET /nowhere";
    assert.equal(judge(line, { Host: "attacker.example", Origin: "null" }), "http_host_refused");
  });

  test("on an address of its own, that one", () => {
    const hosts = allowedHosts({ host: "::ffff:10.0.0.5", port: 80 }, { hosts: "" });
    assert.ok(hosts.has("[::ffff:10.0.0.5]:80"));
    assert.ok(hosts.has("localhost:80"));
  });
});

describe("path and method", () => {
  test("what no route describes does not exist, tricks neither", () => {
    for (const path of ["/", "/v1", "/V1/topics", "/v1/topics/", "//v1/topics", "/v1/topics."]) {
      assert.equal(judge(`GET ${path}`, asAdmin), "http_path_not_found", path);
    }
    assert.equal(judge("GET http://127.0.0.1:7480/livez"), "http_path_not_found");
  });

  test("a method that the path has not says which it has", () => {
    for (const method of ["OPTIONS", "HEAD", "DELETE", "TRACE", "get", "FOO"]) {
      assert.equal(judge(`${method} /v1/topics`, asAdmin), "http_method_not_allowed", method);
    }
    const found = gate.admit(head("DELETE /v1/topics", { Host: HOST }));
    assert.deepEqual("refused" in found && found.headers, { allow: "GET, POST" });
  });
});

describe("Origin", () => {
  test("none, or our own under the name that was asked", () => {
    assert.equal(judge("GET /livez"), "in: none");
    for (const scheme of ["http", "https"]) {
      assert.equal(judge("GET /livez", { Origin: `${scheme}://${HOST}` }), "in: none");
    }
  });

  test("a foreign one is refused also with a token, and before the token is looked at", () => {
    const foreign = ["null", "", "http://localhost:7480", `http://${HOST}/`, "http://evil.example"];
    for (const Origin of foreign) {
      assert.equal(judge("GET /v1/topics", { ...asAdmin, Origin }), "http_origin_refused", Origin);
      assert.equal(judge("GET /v1/topics", { Origin }), "http_origin_refused", Origin);
    }
    const twice = { Origin: [`http://${HOST}`, `http://${HOST}`] };
    assert.equal(judge("GET /livez", twice), "http_origin_refused");
    assert.equal(judge("GET /livez", { Origin: "http://localhost" }, true), "http_origin_refused");
  });
});

describe("token and scope", () => {
  test("none, a wrong one, another scheme and two of them are refused", () => {
    const wrong = [
      [],
      "Bearer",
      `Bearer ${ADMIN}x`,
      `Bearer ${ADMIN} x`,
      `Basic ${ADMIN}`,
      ADMIN,
      `Bearer${ADMIN}`,
      [`Bearer ${ADMIN}`, `Bearer ${ADMIN}`],
    ];
    for (const Authorization of wrong) {
      assert.equal(judge("GET /v1/topics", { Authorization }), "http_token_required");
    }
    const cookie = { Cookie: `token=${ADMIN}` };
    assert.equal(judge("GET /v1/topics", cookie), "http_token_required");
  });

  test("who may read does not write; who may write reads", () => {
    assert.equal(judge("GET /v1/topics", asRead), "in: read");
    assert.equal(judge("GET /v1/topics", asAdmin), "in: admin");
    assert.equal(judge("GET /v1/topics", { Authorization: `bearer   ${READ}` }), "in: read");
    assert.equal(judge("POST /v1/topics", { ...post, ...asRead }), "http_scope_too_small");
    assert.equal(judge("POST /v1/topics", post), "in: admin");
  });

  test("on the Unix socket neither Host nor token are asked for", () => {
    assert.equal(judge("GET /v1/topics", { Host: "anything" }, true), "in: admin");
  });
});

describe("a ticket", () => {
  const STREAM = "/v1/topics/t/stream";

  test("is taken where a stream is opened without a token, for what the stream needs", () => {
    const ticket = tickets.issue(STREAM);
    const found = gate.admit(head(`GET ${STREAM}?ticket=${ticket}`, { Host: HOST }));
    assert.ok("rule" in found && found.ticket !== null);
    assert.deepEqual([found.scope, found.rule.path], ["read", "/v1/topics/{topic}/stream"]);
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`), "http_ticket_refused", "in use");
    found.ticket.end();
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`), "http_ticket_refused", "used");
    const again = { "Last-Event-ID": "0:1" };
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`, again), "in: read");
  });

  test("is worth nothing elsewhere, too late, beside a token, or twice", () => {
    const ticket = tickets.issue(STREAM);
    assert.equal(judge(`GET /v1/topics?ticket=${ticket}`), "http_token_required");
    assert.equal(judge(`GET /v1/topics/u/stream?ticket=${ticket}`), "http_ticket_refused");
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}&ticket=${ticket}`), "http_token_required");
    const wrong = { Authorization: "Bearer wrong" };
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`, wrong), "http_token_required");
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`, asRead), "in: read", "by the token");
    nowMs += HTTP_TICKET_MS + 1;
    assert.equal(judge(`GET ${STREAM}?ticket=${ticket}`), "http_ticket_refused");
  });

  test("that came with a body it may not have is over", () => {
    const line = `GET ${STREAM}?ticket=${tickets.issue(STREAM)}`;
    assert.equal(judge(line, { "Content-Length": "1" }), "http_invalid_request");
    assert.equal(judge(line), "http_ticket_refused");
    assert.equal(judge(line, { "Last-Event-ID": "0:1" }), "in: read", "it is not left open");
  });
});

describe("body", () => {
  test("a route that takes none refuses it, however it is announced", () => {
    for (const more of [{ "Content-Length": "1" }, { "Transfer-Encoding": "chunked" }]) {
      assert.equal(judge("GET /v1/topics", { ...asRead, ...more }), "http_invalid_request");
    }
    assert.equal(judge("GET /v1/topics", { ...asRead, "Content-Length": "0" }), "in: read");
  });

  test("above the limit, without a length, or of two lengths", () => {
    const length = (value: string | readonly string[]) => ({ ...post, "Content-Length": value });
    assert.equal(judge("POST /v1/topics", length(String(HTTP_BODY_SIZE_MAX))), "in: admin");
    const large = length(String(HTTP_BODY_SIZE_MAX + 1));
    for (const wrong of [large, length("1e9"), length("x"), length(["2", "2"])]) {
      assert.equal(judge("POST /v1/topics", wrong), "http_body_too_large");
    }
    const chunked = { ...length([]), "Transfer-Encoding": "chunked" };
    for (const wrong of [length([]), chunked, { ...post, "Transfer-Encoding": "chunked" }]) {
      assert.equal(judge("POST /v1/topics", wrong), "http_length_required");
    }
    assert.equal(judge("POST /v1/stream", chunked), "in: admin", "a route that counts by itself");
    assert.equal(judge("POST /v1/stream", length([])), "http_length_required");
  });

  test("of a form, of no type, of two types, or compressed", () => {
    const type = (value: string | readonly string[]) => ({ ...post, "Content-Type": value });
    for (const value of ["application/json; charset=utf-8", "Application/JSON"]) {
      assert.equal(judge("POST /v1/topics", type(value)), "in: admin", value);
    }
    const twice = type(["application/json", "application/json"]);
    const forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""];
    const wrong = [...forms.map(type), type([]), twice, type("application/jsonp")];
    for (const encoding of ["gzip", "br", "deflate", "gzip, identity"]) {
      wrong.push({ ...post, "Content-Encoding": encoding } as typeof post);
    }
    for (const headers of wrong) {
      assert.equal(judge("POST /v1/topics", headers), "http_content_type_unsupported");
    }
    assert.equal(
      judge("POST /v1/topics", { ...post, "Content-Encoding": "identity" }),
      "in: admin",
    );
  });
});
