/**
 * Every route of the HTTP door against answers that were written by hand: tests/golden/http. What
 * differs is a bug of the program or of its documentation.
 *
 *     routes.txt    who may ask, and then for each route what the gate refuses
 *     topics.txt …  the exchanges, from above to below, with all that a request can have wrong
 *
 * The last tests look whether a route, a parameter or a field of a body was forgotten.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Connection } from "../../src/client/connection.ts";
import { startBroker } from "../support/broker.ts";
import {
  EVENTS,
  exchangesOf,
  expectAnswer,
  expectProblem,
  filled,
  goldenProblems,
  goldenRoutes,
  type Kept,
  WHO,
  type Who,
} from "../support/golden_http.ts";
import {
  type Answer,
  ask,
  exchange,
  HttpDoor,
  parseAnswer,
  type Question,
} from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("golden"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);
const SOCKET = { path: join(data, "run", "http.sock") };
const native = await Connection.connect({ host: "127.0.0.1", port: broker.port }, {
  clientName: "golden",
});

const FILES = ["node.txt", "topics.txt", "groups.txt", "records.txt"];
const ROUTES = goldenRoutes();
const EXCHANGES = new Map(FILES.map((file) => [file, exchangesOf(file)]));

/** What exchanges may name beside what they keep. */
const kept: Kept = new Map([
  ["runtime", BROKER_RUNTIME],
  ["nativePort", String(broker.port)],
  ["long", "g".repeat(256)],
  ["wide", "%C3%A4".repeat(128)],
  ["thousand", "x".repeat(1000)],
]);

after(async () => {
  native.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

async function askAs(who: Who, question: Question): Promise<Answer> {
  return await until("the stream that was left has ended", async () => {
    const answer = who === "socket"
      ? await ask(SOCKET, question)
      : await door.ask(question, who === "none" ? null : who);
    return answer.text.includes("it is in use") ? null : answer;
  });
}

describe("routes.txt: every route answers those who may ask", () => {
  for (const { method, target, body, statuses } of ROUTES) {
    test(`${method} ${target}`, async () => {
      for (const who of WHO) {
        const names = new Map([["WHO", who]]);
        const question = questionOf(method, filled(target, names), body && filled(body, names));
        const isEndless = target.endsWith("/stream") && statuses.get(who) === 200;
        const answer = isEndless ? await beginning(who, question, "") : await askAs(who, question);
        const what = `${who}: ${answer.text}`;
        assert.equal(answer.status, statuses.get(who), what);
        if (answer.status === 401) {
          expectProblem(answer, "http_token_required");
          assert.equal(answer.headers.get("www-authenticate"), 'Bearer realm="sluice"');
        }
        if (answer.status === 403) expectProblem(answer, "http_scope_too_small");
      }
    });
  }
});

/** A way to break a question that is right, and what the gate says then. */
interface Broken {
  readonly what: string;
  /** Over those that the question has; undefined: without it. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly method?: string;
  /** Null: there is none. */
  readonly body?: string | null;
  readonly behindPath?: string;
  readonly problem: string;
  readonly detail?: string;
}

const MISDIRECTED = "http_host_refused";
const FOREIGN = "http_origin_refused";
const NO_METHOD = "http_method_not_allowed";
const NO_TYPE = "http_content_type_unsupported";

/** What is refused of every route … */
const OF_ALL: readonly Broken[] = [
  { what: "a foreign Host", headers: { host: "attacker.example" }, problem: MISDIRECTED },
  { what: "a foreign page", headers: { origin: "http://a.example" }, problem: FOREIGN },
  { what: "HEAD", method: "HEAD", problem: NO_METHOD },
  { what: "OPTIONS", method: "OPTIONS", problem: NO_METHOD },
  { what: "a slash too many", behindPath: "/", problem: "http_path_not_found" },
];

/** … of those that take no body … */
const OF_BODILESS: readonly Broken[] = [
  {
    what: "a body",
    body: "{}",
    problem: "http_invalid_request",
    detail: "the route takes no body",
  },
];

/** … and of those that take one. */
const OF_BODIES: readonly Broken[] = [
  {
    what: "a form",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    problem: NO_TYPE,
    detail: "it takes $types",
  },
  {
    what: "no type",
    headers: { "content-type": undefined },
    problem: NO_TYPE,
    detail: "it takes $types",
  },
  {
    what: "a compressed body",
    headers: { "content-encoding": "gzip" },
    problem: NO_TYPE,
    detail: "it takes $types",
  },
  { what: "no length", body: null, problem: "http_length_required" },
  {
    what: "a large body",
    headers: { "content-length": "4194305" },
    problem: "http_body_too_large",
    detail: "at most $max bytes",
  },
  {
    what: "no JSON",
    body: "{",
    problem: "http_invalid_request",
    detail: "Malformed JSON in request body",
  },
];

const BODY_KINDS: Readonly<Record<string, Kept>> = {
  json: new Map([["types", "application/json"], ["max", "65536"]]),
  records: new Map([
    ["types", "application/json, application/x-ndjson, application/octet-stream, text/plain"],
    ["max", "4194304"],
  ]),
};

describe("routes.txt: what the gate refuses of each", () => {
  for (const { method, target, body, bodyKind } of ROUTES) {
    const right = questionOf(method, filled(target, new Map([["WHO", "nobody"]])), body);
    const [path = "", query] = right.target.split("?");
    for (const broken of [...OF_ALL, ...bodyKind === "-" ? OF_BODILESS : OF_BODIES]) {
      test(`${method} ${target}: ${broken.what}`, async () => {
        const { problem, detail, behindPath = "" } = broken;
        const answer = await door.ask({
          method: broken.method ?? method,
          target: `${path}${behindPath}${query === undefined ? "" : `?${query}`}`,
          headers: { ...right.headers, ...broken.headers },
          body: broken.body === undefined ? right.body : broken.body ?? undefined,
        });
        if (problem === NO_METHOD) assert.match(answer.headers.get("allow")!, /^[A-Z, ]+$/);
        if (broken.method === "HEAD") assert.deepEqual([answer.status, answer.text], [405, ""]);
        else {
          const told = filled(detail ?? "", BODY_KINDS[bodyKind] ?? new Map());
          expectProblem(answer, problem, told === "" ? [] : [["detail", told]]);
        }
      });
    }
  }
});

for (const [file, exchanges] of EXCHANGES) {
  describe(file, () => {
    for (const expected of exchanges) {
      test(expected.name, async () => {
        const { method, target, body } = expected;
        const question = questionOf(method, filled(target, kept), body && filled(body, kept));
        const headers = { ...question.headers, ...expected.headers };
        const asked = { ...question, headers };
        const answer = expected.kind === EVENTS
          ? await beginning(expected.who, asked, expected.answer)
          : await askAs(expected.who, asked);
        expectAnswer(answer, expected, kept);
      });
    }
  });
}

function questionOf(method: string, target: string, body: string | null): Question {
  if (body === null) return { method, target };
  return { method, target, body, headers: { "content-type": "application/json" } };
}

/** An answer without end, until `text` has come of it, or nothing of it is waited for. */
async function beginning(who: Who, { target, headers }: Question, text: string): Promise<Answer> {
  const place = who === "socket" ? SOCKET : door.place;
  const token = who === "read" || who === "admin" ? `Bearer ${door.tokens[who]}` : undefined;
  const all = Object.entries({
    host: "port" in place ? `127.0.0.1:${place.port}` : "localhost",
    ...(token === undefined ? {} : { authorization: token }),
    ...headers,
  });
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\n${head}\r\n`, "latin1");
  return parseAnswer(
    await exchange(place, bytes, (came) => {
      return came.includes("\r\n\r\n") && parseAnswer(came).text.length >= text.length;
    }),
  );
}

interface Parameter {
  readonly name: string;
  readonly in: string;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe("nothing is forgotten", () => {
  const document = door.get("/openapi.json") as Promise<Described>;
  const all = [...EXCHANGES.values()].flat();

  async function operations() {
    const { paths } = await document;
    return Object.entries(paths).flatMap(([path, methods]) => {
      return Object.entries(methods).map(([method, operation]) => {
        return { method: method.toUpperCase(), path, operation };
      });
    });
  }

  test("every route of the document is in routes.txt, and no other", async () => {
    const described = (await operations()).map(({ method, path }) => `${method} ${path}`);
    const patterns = ROUTES.map(({ method, target }) => {
      return described.find((route) => {
        const [ofMethod = "", path = ""] = route.split(" ");
        return ofMethod === method && fits(path, target);
      });
    });
    assert.deepEqual(patterns.toSorted(), described.toSorted());
  });

  test("every route has an exchange that goes well", async () => {
    for (const { method, path } of await operations()) {
      const good = all.some((one) =>
        one.method === method && fits(path, one.target) && one.status < 300
      );
      assert.ok(good, `${method} ${path}`);
    }
  });

  test("every parameter, and every field of a body, is wrong at least once", async () => {
    const { components } = await document;
    for (const { method, path, operation } of await operations()) {
      const refused = all.filter((one) => one.method === method && fits(path, one.target))
        .flatMap(({ kind, fields }) => {
          return kind === "http_ticket_refused" ? ["query.ticket"] : fields.map(([at]) => at);
        });
      const parameters = (operation.parameters ?? []).map((one) => `${one.in}.${one.name}`);
      const schema = operation.requestBody?.content["application/json"]?.schema;
      const named = components.schemas[schema?.$ref?.split("/").at(-1) ?? ""] ?? schema;
      const isOfRecords = path.endsWith("/records"); // there an issue is of the whole record
      const bodies = isOfRecords
        ? ["body"]
        : Object.keys(named?.properties ?? {}).map((key) => `body.${key}`);
      for (const at of [...parameters, ...(schema === undefined ? [] : bodies)]) {
        const isThere = refused.some((one) => one === at || one.startsWith(`${at}.`));
        assert.ok(isThere, `${method} ${path}: nothing is wrong with ${at}`);
      }
    }
  });

  test("every problem of problems.txt was met", () => {
    const met = new Set([
      ...all.map(({ kind }) => kind),
      ...[...OF_ALL, ...OF_BODILESS, ...OF_BODIES].map(({ problem }) => problem),
      "http_token_required",
      "http_scope_too_small",
    ]);
    const unmet = [...goldenProblems().keys()].filter((name) => !met.has(name));
    assert.deepEqual(unmet, []);
  });
});

function fits(path: string, target: string): boolean {
  const pattern = path.replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(target.split("?", 1)[0]!);
}
