/** What is asked, by a fetch that answers as it is told. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { HttpApi } from "../../../../src/client/http/api.ts";
import { HttpAnswerError, ProblemError } from "../../../../src/client/http/http_errors.ts";

const TOKEN = "a-token-of-this-test";

interface Asked {
  readonly url: string;
  readonly init: RequestInit & { headers: Record<string, string> };
}

/** A client that asks nobody, and what it asked. */
function clientOf(answer: () => Response | Promise<Response>, url = "http://host:1/") {
  const asked: Asked[] = [];
  const send = (to: string, init: RequestInit): Promise<Response> => {
    asked.push({ url: to, init: init as Asked["init"] });
    return Promise.resolve().then(answer);
  };
  return { api: new HttpApi({ url, token: TOKEN, fetch: send }), asked };
}

function json(value: unknown, status = 200, type = "application/json"): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": type } });
}

async function thrownBy(call: Promise<unknown>): Promise<Error> {
  return await call.then(() => assert.fail("it is refused"), (error: Error) => error);
}

test("path, query, headers and body of a call", async () => {
  const { api, asked } = clientOf(() => json({}));
  await api.readRecords({ topic: "a b", from: "0:1,1:2@ff", maxRecords: 2, partitions: undefined });
  await api.produceRecordsText({ topic: "t", header: ["a=1", "b=&"], key: "k", body: "v" });
  await api.getGroup({ group: "team/é~" });
  await api.alterTopic({ topic: "t", body: { config: { "retention.ms": null } } });
  assert.deepEqual(asked.map(({ url }) => url), [
    "http://host:1/v1/topics/a%20b/records?from=0%3A1%2C1%3A2%40ff&maxRecords=2",
    "http://host:1/v1/topics/t/records?header=a%3D1&header=b%3D%26&key=k",
    "http://host:1/v1/groups/team~1%C3%A9~0",
    "http://host:1/v1/topics/t",
  ]);
  assert.deepEqual(asked.map(({ init }) => init.method), ["GET", "POST", "GET", "PATCH"]);
  assert.deepEqual(asked[0]!.init.headers, {
    accept: "application/json",
    authorization: `Bearer ${TOKEN}`,
  });
  assert.equal(asked[1]!.init.headers["content-type"], "text/plain");
  assert.equal(asked[3]!.init.body, '{"config":{"retention.ms":null}}');
  assert.ok(asked.every(({ init }) => init.redirect === "error"));
});

test("a header of the call is one, and a proxy's path goes before", async () => {
  const events = () =>
    new Response("data: 1\n\n", { headers: { "content-type": "text/event-stream" } });
  const { api, asked } = clientOf(events, "https://host/proxy/");
  for await (const { data } of api.streamRecords({ topic: "t", "last-event-id": "0:7" })) {
    assert.equal(data, "1");
  }
  assert.equal(asked[0]!.url, "https://host/proxy/v1/topics/t/stream");
  assert.equal(asked[0]!.init.headers["last-event-id"], "0:7");
});

test("names that would be another path are refused before anything is sent", async () => {
  const { api, asked } = clientOf(() => json({}));
  for (const topic of ["", ".", ".."]) {
    assert.equal((await thrownBy(api.deleteTopic({ topic }))).name, "invalid_option");
  }
  assert.deepEqual(asked, []);
});

test("an answer that is none of the door's is told by status and type", async () => {
  const cases: [Response, RegExp][] = [
    [
      new Response("<html>", { status: 502, headers: { "content-type": "text/html" } }),
      /502 text\/html/,
    ],
    [new Response("ok", { headers: { "content-type": "text/plain" } }), /200 text\/plain/],
    [json({}, 201), /201/],
    [json({ title: "About a proxy." }, 404, "application/problem+json"), /a problem of others/],
    [new Response("{", { headers: { "content-type": "application/json" } }), /no JSON/],
  ];
  for (const [answer, said] of cases) {
    const error = await thrownBy(clientOf(() => answer).api.listTopics());
    assert.ok(error instanceof HttpAnswerError);
    assert.equal(error.name, "http_unexpected");
    assert.match(error.message, said);
  }
});

test("a documented answer with a status of its own is an answer; a problem is thrown", async () => {
  const { api } = clientOf(() => json({ status: "stopping" }, 503));
  assert.deepEqual(await api.isReady(), { status: "stopping" });
  const told = { title: "No.", status: 503, code: 1, name: "x", retriable: true, hint: "" };
  const refusing = clientOf(() => json(told, 503, "application/problem+json; charset=utf-8"));
  const error = await thrownBy(refusing.api.isReady());
  assert.ok(error instanceof ProblemError);
  assert.deepEqual([error.name, error.status, error.retriable], ["x", 503, true]);
});

test("without a fetch it is the runtime's own, called as a function", async () => {
  const own = globalThis.fetch;
  const callers: unknown[] = [];
  function send(this: unknown): Promise<Response> {
    callers.push(this);
    return Promise.resolve(json({ status: "live" }));
  }
  globalThis.fetch = send as unknown as typeof fetch;
  try {
    assert.deepEqual(await new HttpApi({ url: "http://host" }).isLive(), { status: "live" });
  } finally {
    globalThis.fetch = own;
  }
  assert.deepEqual(callers, [undefined]);
});

test("an answer that ends early is told, and so is one that does not come", async () => {
  const cut = (): Response => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"kind":"progress"}\n')),
      pull: () => Promise.reject(new TypeError("terminated")),
    });
    return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
  };
  const lines = clientOf(cut).api.verifyPartition({ topic: "t", partition: 0 });
  assert.equal((await lines.next()).value?.kind, "progress");
  assert.equal((await thrownBy(lines.next())).name, "http_cut");
  const cause = Object.assign(new Error(`with ${TOKEN}`), { code: "ECONNREFUSED" });
  const failing = clientOf(() => Promise.reject(new TypeError(`?key=${TOKEN}`, { cause })));
  const error = await thrownBy(failing.api.getTopic({ topic: "t" }));
  assert.equal(
    error.message,
    "no answer to GET /v1/topics/{topic} from http://host:1 (ECONNREFUSED)",
  );
  assert.ok(!inspect(error).includes(TOKEN));
});

test("what the values of a body throw is thrown, also where the answer looks whole", async () => {
  const send = async (_: string, { body }: RequestInit): Promise<Response> => {
    await new Response(body as ReadableStream).text().catch(() => {});
    const answer = '{"acknowledged":1,"level":"fsync","partitions":[]}\n';
    return new Response(answer, { headers: { "content-type": "application/x-ndjson" } });
  };
  const api = new HttpApi({ url: "http://host", fetch: send });
  function* broken(): Generator<{ value: string }> {
    yield { value: "one" };
    throw new RangeError("no more");
  }
  const lines = api.produceRecordsLines({ topic: "t", body: broken() });
  assert.ok("acknowledged" in (await lines.next()).value!);
  await assert.rejects(lines.next(), new RangeError("no more"));
});

test("the token is shown nowhere, and neither is one that is refused", () => {
  const { api } = clientOf(() => json({}));
  assert.ok(!inspect(api, { showHidden: true, depth: 9 }).includes(TOKEN));
  assert.ok(!JSON.stringify(api).includes(TOKEN));
  const wrong: [object, string][] = [
    [{ url: "http://h", token: "secret\r\nx: y" }, "token"],
    [{ url: "http://h", token: "" }, "token"],
    [{ url: "http://user:secret@h" }, "url"],
    [{ url: "http://h/?token=secret" }, "url"],
    [{ url: "ftp://secret" }, "url"],
    [{ url: "secret" }, "url"],
  ];
  for (const [options, option] of wrong) {
    assert.throws(() => new HttpApi(options as { url: string }), (error: Error) => {
      assert.equal((error as Error & { option: string }).option, option);
      return !inspect(error).includes("secret\\r") && !error.message.includes("secret");
    });
  }
});
