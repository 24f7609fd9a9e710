/**
 * What the HTTP door refuses, sent byte by byte: a page of another origin, a name bound anew to
 * this machine, tricks in paths and heads, bodies of every wrong kind, and every route without and
 * with too small a token. After each the broker serves as before.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { HTTP_BODY_SIZE_MAX, HTTP_HEAD_SIZE_MAX } from "../../src/limits.ts";
import { startBroker } from "../support/broker.ts";
import { type Answer, exchange, HttpDoor, parseAnswer, type Question } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("attacks"), "d");
const CONNECTIONS_MAX = 20;
const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data,
  http: true,
  env: { SLUICE_HTTP_CONNECTIONS_MAX: String(CONNECTIONS_MAX) },
});
const door = await HttpDoor.of(broker, data);
const { port } = door.place as { port: number };
const HOST = `127.0.0.1:${port}`;
const AUTHORIZATION = `authorization: Bearer ${door.tokens.admin}\r\n`;

after(async () => {
  await expectServed();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

async function expectServed(): Promise<void> {
  const { topics } = await door.get("/v1/topics") as { topics: unknown[] };
  assert.deepEqual(topics, [], "nothing was created");
}

function nameOf(answer: Answer): string {
  assert.equal(answer.headers.get("content-type"), "application/problem+json", answer.text);
  return JSON.parse(answer.text).name;
}

async function refused(question: Question, scope: "admin" | "read" | null = "admin") {
  const answer = await door.ask(question, scope);
  return [answer.status, nameOf(answer)];
}

const CREATE = { method: "POST", target: "/v1/topics", body: { name: "stolen" } };

test("a name that was bound anew to this machine reaches nothing", async () => {
  for (
    const host of ["attacker.example", `attacker.example:${port}`, "127.0.0.1", "localhost.", ""]
  ) {
    for (const question of [CREATE, { target: "/livez" }, { target: "/docs" }]) {
      const asked = { ...question, headers: { host } };
      assert.deepEqual(await refused(asked), [421, "http_host_refused"], host);
    }
  }
});

test("no Host, and two of them", async () => {
  for (const hosts of ["", `host: ${HOST}\r\nhost: ${HOST}\r\n`]) {
    const text = await exchange(
      door.place,
      `GET /livez HTTP/1.1\r\n${hosts}connection: close\r\n\r\n`,
    );
    assert.ok([400, 421].includes(parseAnswer(text).status), text);
  }
});

describe("a page of another origin", () => {
  test("is refused, with a token too", async () => {
    for (
      const origin of ["http://attacker.example", "null", "http://localhost", `http://${HOST}.x`]
    ) {
      const asked = { ...CREATE, headers: { origin } };
      assert.deepEqual(await refused(asked), [403, "http_origin_refused"]);
      assert.deepEqual(await refused(asked, null), [403, "http_origin_refused"]);
    }
  });

  test("gets no answer to a preflight", async () => {
    const answer = await door.ask({
      method: "OPTIONS",
      target: "/v1/topics",
      headers: { "access-control-request-method": "POST", origin: "http://attacker.example" },
    }, null);
    assert.equal(answer.status, 405);
    for (const name of answer.headers.keys()) assert.doesNotMatch(name, /^access-control-/);
  });

  test("cannot send a form, which brings no token", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const form = { method: "POST", target: "/v1/topics", body: '{"name":"stolen"}' };
      const headers = { "content-type": type };
      assert.deepEqual(await refused({ ...form, headers }, null), [401, "http_token_required"]);
      assert.deepEqual(await refused({ ...form, headers }), [415, "http_content_type_unsupported"]);
    }
  });
});

test("tricks with a path find nothing", async () => {
  const tricks = [
    "/",
    "//v1/topics",
    "/v1//topics",
    "/v1/topics/",
    "/v1/topics//",
    "/v1/topics.",
    "/v1/TOPICS",
    "/V1/topics",
    "/v1/./topics",
    "/v1/x/../topics",
    "/v1/%2e%2e/v1/topics",
    "/v1%2Ftopics",
    "/v1/topics%2F",
    "/v1/%74opics",
    "/v1/groups/a%2Fb",
    "/v1/groups/a%5Cb",
    "/v1\\topics",
    "/v1/topics%00",
    "/v1/topics;a=b",
    `http://${HOST}/v1/topics`,
    "http://attacker.example/v1/topics",
    "/docs/../v1/topics",
    "/openapi.json/",
  ];
  for (const target of tricks) {
    const answer = await door.ask({ target });
    assert.ok([400, 404].includes(answer.status), `${target}: ${answer.status}`);
  }
});

/** Ways to write the path of a route that another reader might take for it. */
const DISGUISES: readonly ((path: string) => string)[] = [
  (path) => `/${path}`,
  (path) => path.replace(/(?<=.)\//, "//"),
  (path) => `${path}/`,
  (path) => `${path}/.`,
  (path) => `/x/..${path}`,
  (path) => `${path}/x/..`,
  (path) => `/%2e${path}`,
  (path) => path.replace(/^\/(\w)/, (_, first: string) => `/%${first.charCodeAt(0).toString(16)}`),
  (path) => path.replace(/\/(?=[^/]*$)/, "%2F"),
  (path) => path.replace(/\/(?=[^/]*$)/, "%5C"),
  (path) => path.replace(/\/(?=[^/]*$)/, "\\"),
  (path) => path.replace(/^\/\w+/, (first) => first.toUpperCase()),
  (path) => path.replace(/^\/\w+/, (first) => `${first}.`),
  (path) => `${path}%00`,
  (path) => path.replace(/^\/\w+/, (first) => `${first};a=b`),
  (path) => `http://${HOST}${path}`,
];

test("a route in disguise is found by nobody, with a token or without", async () => {
  for (const { method, target } of await routes()) {
    for (const disguise of DISGUISES) {
      const asked = { method, target: disguise(target) };
      if (asked.target === target) continue; // it has no such place
      for (const scope of [null, "admin"] as const) {
        const { status } = await door.ask(asked, scope);
        assert.ok([400, 404].includes(status), `${method} ${asked.target}: ${status}`);
      }
    }
  }
});

test("methods that a route does not have are refused, HEAD, OPTIONS and TRACE too", async () => {
  for (const method of ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND"]) {
    for (const target of ["/v1/topics", "/livez", "/docs"]) {
      const { status, headers } = await door.ask({ method, target });
      assert.equal(status, 405, `${method} ${target}`);
      assert.match(headers.get("allow")!, /^GET/);
    }
  }
});

test("every route refuses who has no token, a wrong one, or too small a one", async () => {
  const all = (await routes()).filter(({ scope }) => scope !== "none");
  for (const { method, target, scope } of all) {
    const asked = { method, target };
    const what = `${method} ${target}`;
    assert.deepEqual(await refused(asked, null), [401, "http_token_required"], what);
    const wrong = { authorization: `Bearer ${door.tokens.admin.slice(1)}` };
    assert.deepEqual(await refused({ ...asked, headers: wrong }), [401, "http_token_required"]);
    if (scope !== "admin") continue;
    assert.deepEqual(await refused(asked, "read"), [403, "http_scope_too_small"], what);
  }
  assert.ok(all.length >= 20, `${all.length} routes`);
});

/** Every route of the document, with names in the places of its parameters. */
async function routes(): Promise<{ method: string; target: string; scope: string }[]> {
  const document = JSON.parse((await door.ask({ target: "/openapi.json" }, null)).text);
  return Object.entries<Record<string, Described>>(document.paths).flatMap(([path, methods]) => {
    const target = path.replace("{partition}", "0").replace("{id}", "1").replace(/\{\w+\}/, "x");
    return Object.entries(methods).map(([method, { security }]) => {
      const [scopes] = Object.values(security[0]!);
      return { method: method.toUpperCase(), target, scope: scopes?.[0] ?? "none" };
    });
  });
}

interface Described {
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

describe("heads", () => {
  test("that are too large end the connection, whatever makes them so", async () => {
    const long = "a".repeat(HTTP_HEAD_SIZE_MAX + 1000);
    const heads = [
      `GET /livez?${long} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`,
      `GET /livez HTTP/1.1\r\nhost: ${HOST}\r\nx: ${long}\r\n\r\n`,
      `GET /livez HTTP/1.1\r\nhost: ${HOST}\r\n${"x: abcdefgh\r\n".repeat(2000)}\r\n`,
      `GET /livez HTTP/1.1\r\nhost: ${HOST}\r\n${"x: a\r\n".repeat(4000)}\r\n`,
    ];
    for (const head of heads) {
      const text = await exchange(door.place, head);
      assert.equal(parseAnswer(text).status, 431, text.slice(0, 100));
    }
  });

  test("of which nobody knows where they end are refused", async () => {
    const heads = [
      `POST /v1/topics HTTP/1.1\r\nhost: ${HOST}\r\n${AUTHORIZATION}content-length: 3\r\n` +
      "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      `POST /v1/topics HTTP/1.1\r\nhost: ${HOST}\r\n${AUTHORIZATION}content-length: 3\r\n` +
      "content-length: 4\r\n\r\nabcd",
      `GET /livez HTTP/1.1\r\nhost: ${HOST}\r\nx y: 1\r\n\r\n`,
      `GET /livez HTTP/1.1\r\nhost : ${HOST}\r\n\r\n`,
      "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ];
    for (const head of heads) {
      const text = await exchange(door.place, head).catch(() => "");
      assert.ok(text === "" || parseAnswer(text).status >= 400, text.slice(0, 100));
    }
  });

  test("names and keys do not become headers", async () => {
    const name = "x%0d%0aset-cookie:%20a=1";
    for (const target of [`/v1/topics/${name}`, `/v1/groups/${name}`, `/v1/topics?after=${name}`]) {
      const answer = await door.ask({ target });
      assert.equal(answer.headers.has("set-cookie"), false);
    }
    const body = { name: "x\r\nset-cookie: a=1" };
    const answer = await door.ask({ method: "POST", target: "/v1/topics", body });
    assert.deepEqual([answer.status, answer.headers.has("set-cookie")], [400, false]);
  });
});

describe("bodies", () => {
  test("above the limit are refused before they are read", async () => {
    const body = JSON.stringify({ name: "a".repeat(HTTP_BODY_SIZE_MAX) });
    const headers = { "content-type": "application/json" };
    const asked = { method: "POST", target: "/v1/topics", body, headers };
    assert.deepEqual(await refused(asked), [413, "http_body_too_large"]);
    const announced = { ...headers, "content-length": "99999999999" };
    const empty = { ...asked, body: "", headers: announced };
    assert.deepEqual(await refused(empty), [413, "http_body_too_large"]);
  });

  test("without a length are refused, so that none is read without end", async () => {
    const text = await exchange(
      door.place,
      `POST /v1/topics HTTP/1.1\r\nhost: ${HOST}\r\n${AUTHORIZATION}connection: close\r\n` +
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" +
        '11\r\n{"name":"stolen"}\r\n0\r\n\r\n',
    );
    const answer = parseAnswer(text);
    assert.deepEqual([answer.status, nameOf(answer)], [411, "http_length_required"]);
  });

  test("that are compressed are refused: there is nothing to inflate", async () => {
    for (const encoding of ["gzip", "deflate", "br", "zstd", "gzip, gzip"]) {
      const headers = { "content-encoding": encoding };
      assert.deepEqual(await refused({ ...CREATE, headers }), [
        415,
        "http_content_type_unsupported",
      ]);
    }
  });

  test("to a route that takes none are refused", async () => {
    const asked = { target: "/v1/topics", body: "{}" };
    assert.deepEqual(await refused(asked), [400, "http_invalid_request"]);
  });

  test("of depth and names that mean something else are data or refused", async () => {
    for (
      const text of [
        '{"__proto__": {"name": "stolen"}}',
        '{"constructor": {"prototype": {"name": "stolen"}}}',
        "[".repeat(20_000),
        '{"name": "stolen", "config": {"__proto__": {"a": 1}}, "partitions": 1e400}',
      ]
    ) {
      const headers = { "content-type": "application/json" };
      const answer = await door.ask({ method: "POST", target: "/v1/topics", body: text, headers });
      assert.equal(answer.status, 400, text.slice(0, 60));
    }
    assert.equal(({} as Record<string, unknown>)["name"], undefined);
  });
});

test("answers are for the client alone", async () => {
  for (const target of ["/livez", "/v1/topics", "/nowhere", "/docs", "/openapi.json"]) {
    const { headers } = await door.ask({ target });
    assert.equal(headers.get("x-content-type-options"), "nosniff", target);
    assert.equal(headers.get("cache-control"), "no-store", target);
    assert.match(headers.get("content-security-policy")!, /default-src 'none'/, target);
    assert.equal(headers.get("access-control-allow-origin"), undefined, target);
    assert.equal(headers.get("x-powered-by"), undefined, target);
  }
});

test("a token in the query or in a cookie opens nothing", async () => {
  const token = door.tokens.admin;
  for (
    const question of [
      { target: `/v1/topics?token=${token}` },
      { target: `/v1/topics?access_token=${token}` },
      { target: "/v1/topics", headers: { cookie: `token=${token}` } },
      { target: "/v1/topics", headers: { "x-api-key": token } },
    ]
  ) {
    assert.deepEqual(await refused(question, null), [401, "http_token_required"]);
  }
});

test("more connections than may be are ended, and those that were there are served", async () => {
  const held = await Promise.all(Array.from({ length: CONNECTIONS_MAX }, openIdle));
  const over = await Promise.all(Array.from({ length: 5 }, openIdle));
  await Promise.all(over.map(({ ended }) => ended));
  const [first] = held;
  const answered = new Promise<string>((resolve) => {
    first!.socket.once("data", (piece: Uint8Array) => resolve(String(piece)));
  });
  first!.socket.write(`host: ${HOST}\r\n\r\n`);
  assert.match(await answered, /^HTTP\/1\.1 200 /);
  for (const { socket } of held) socket.destroy();
  await Promise.all(held.map(({ ended }) => ended));
  await until("the broker knows that they are gone", async () => {
    const answer = await door.ask({ target: "/metrics" }).catch(() => null);
    return answer !== null && /^sluice_connections\{listener="http"\} 1$/m.test(answer.text);
  });
});

interface Idle {
  readonly socket: net.Socket;
  readonly ended: Promise<void>;
}

/** With the beginning of a request: Bun does not accept who sends nothing. */
function openIdle(): Promise<Idle> {
  const socket = net.connect({ host: "127.0.0.1", port });
  const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => {});
  socket.write("GET /livez HTTP/1.1\r\n");
  return new Promise((resolve) => {
    socket.on("connect", () => resolve({ socket, ended }));
    socket.on("close", () => resolve({ socket, ended }));
  });
}

test("a head and a body that do not end are given up, also where they grow", async () => {
  const head = `GET /livez HTTP/1.1\r\nhost: ${HOST}\r\nx: a`;
  const body = `POST /v1/topics HTTP/1.1\r\nhost: ${HOST}\r\n${AUTHORIZATION}` +
    "content-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
  const ends = [head, body].flatMap((bytes) => [
    exchange(door.place, bytes).catch(() => ""),
    drip(bytes),
  ]);
  for (const text of await Promise.all(ends)) {
    assert.ok(text === "" || parseAnswer(text).status === 408, text);
  }
});

/** Sends the bytes, and then one more every second; what comes back until the connection ends. */
function drip(bytes: string): Promise<string> {
  const socket = net.connect({ host: "127.0.0.1", port });
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (piece: Uint8Array) => (text += String(piece)));
  socket.write(bytes);
  const drops = setInterval(() => socket.write("a"), 1000);
  return new Promise((resolve) => {
    socket.on("close", () => {
      clearInterval(drops);
      resolve(text);
    });
  });
}
