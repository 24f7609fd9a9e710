/**
 * Records that are produced over HTTP on a running broker: as JSON, as lines and as raw values.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { HTTP_RECORDS_MAX, HTTP_RECORDS_SIZE_MAX } from "../../src/limits.ts";
import { startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { type Answer, HttpDoor, type Question } from "../support/http.ts";
import { LineUpload } from "../support/http_streams.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const data = join(temporaryDirectory("records"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);
const sluice = commands(broker);

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

interface Stored {
  partition: number;
  offset: number;
  level: string;
}

interface Problem {
  name: string;
  issues: { at: string; message: string }[];
  records: (Stored | { name: string })[];
}

const LINES = { "content-type": "application/x-ndjson" };
const BYTES = { "content-type": "application/octet-stream" };

async function create(name: string, partitions = 1, config: object = {}): Promise<string> {
  await door.json(201, {
    method: "POST",
    target: "/v1/topics",
    body: { name, partitions, config },
  });
  return `/v1/topics/${name}/records`;
}

function post(target: string, body: unknown, headers: Record<string, string> = {}): Question {
  return { method: "POST", target, body, headers };
}

async function stored(question: Question): Promise<Stored[]> {
  return (await door.json(200, question) as { records: Stored[] }).records;
}

function linesOf(answer: Answer): Record<string, unknown>[] {
  assert.equal(answer.headers.get("content-type"), "application/x-ndjson", answer.text);
  assert.ok(answer.text.endsWith("\n"));
  return answer.text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

async function refused(status: number, question: Question): Promise<Problem> {
  return await door.json(status, question) as Problem;
}

describe("produced as JSON", () => {
  test("one record, and a list, are answered with where they are and how safe", async () => {
    const target = await create("json");
    const level = "fsync";
    assert.deepEqual(await stored(post(target, { key: "k", value: "v" })), [
      { partition: 0, offset: 0, level },
    ]);
    const list = [
      { value: { any: ["json", 1] } },
      { keyBase64: "AP8=", valueBase64: "/wA=", headers: { a: "1", b: null } },
      { value: null, timestamp: "2026-01-31T12:00:00Z" },
    ];
    assert.deepEqual(
      await stored(post(target, list)),
      [1, 2, 3].map((offset) => {
        return { partition: 0, offset, level };
      }),
    );
    const { out } = await sluice(["consume", "json", "--json"]);
    const records = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(records.map(({ key, keyBase64 }) => [key, keyBase64]), [
      ["k", undefined],
      [null, undefined],
      [undefined, "AP8="],
      [null, undefined],
    ]);
    assert.deepEqual([records[1].value, records[2].valueBase64], ['{"any":["json",1]}', "/wA="]);
    assert.deepEqual(records[2].headers, [{ name: "a", value: "1" }, { name: "b", value: null }]);
    assert.equal(records[3].timestamp, Date.UTC(2026, 0, 31, 12));
  });

  test("the level that was reached is told, whatever it is", async () => {
    const target = await create("levels", 1, { durability: "os" });
    assert.equal((await stored(post(target, { value: "v" })))[0]!.level, "os");
  });

  test("a partition that is named is taken, and keys stay together", async () => {
    const target = await create("placed", 3);
    const placed = await stored(post(target, [2, 0, 2].map((partition) => ({ partition }))));
    assert.deepEqual(placed.map(({ partition }) => partition), [2, 0, 2]);
    const keyed = await stored(post(target, ["a", "b", "a", "b"].map((key) => ({ key }))));
    assert.deepEqual(keyed[0]!.partition, keyed[2]!.partition);
    assert.deepEqual(keyed[1]!.partition, keyed[3]!.partition);
  });

  test("a list of which one fails says what became of each", async () => {
    const target = await create("partly", 1, { "max.message.bytes": 1000 });
    const list = [{ value: "a" }, { value: "b".repeat(2000) }, { partition: 7 }, { value: "c" }];
    const { name, records } = await refused(413, post(target, list));
    assert.equal(name, "batch_too_large");
    assert.deepEqual(
      records.map((told) => "name" in told ? told.name : told.level),
      ["fsync", "batch_too_large", "partition_not_found", "fsync"],
    );
  });

  test("what is wrong is refused, and nothing of it is sent", async () => {
    const target = await create("wrong");
    const cases: [body: unknown, at: string, told: RegExp][] = [
      [[], "body", /^1 to 10000 records$/],
      [5, "body", /^not an object/],
      [[[]], "body.0", /^not an object/],
      [{ vale: 1 }, "body", /^"vale" is no field/],
      [[{ value: "a" }, { valueBase64: "*" }], "body.1", /^"valueBase64" is not base64$/],
      [{ timestamp: "later" }, "body", /^"timestamp" is neither/],
      [{ partition: -1 }, "body", /^"partition" is not a number from 0$/],
      [Array.from({ length: HTTP_RECORDS_MAX + 1 }, () => ({})), "body", /^1 to 10000 records$/],
    ];
    for (const [body, at, told] of cases) {
      const { name, issues } = await refused(400, post(target, body));
      assert.equal(name, "http_invalid_request");
      const texts = issues.map((issue) => `${issue.at}: ${issue.message}`).join("\n");
      assert.ok(issues.some((issue) => issue.at === at && told.test(issue.message)), texts);
    }
    const large = { value: "x".repeat(HTTP_RECORDS_SIZE_MAX) };
    assert.equal((await refused(413, post(target, large))).name, "http_body_too_large");
    assert.equal(
      (await refused(400, post(target, "{", { "content-type": "application/json" })))
        .name,
      "http_invalid_request",
    );
    assert.deepEqual((await door.get(target) as { records: object[] }).records, []);
  });

  test("to topics that are not there, or are the broker's own, it is refused", async () => {
    const nowhere = post("/v1/topics/nowhere/records", { value: "v" });
    assert.equal((await refused(404, nowhere)).name, "topic_not_found");
    await sluice(["group", "reset", "g", "json", "--to", "end"]);
    const own = post("/v1/topics/__consumer_offsets/records", { value: "v" });
    const answer = await door.ask(own);
    assert.ok([403, 404, 409].includes(answer.status), answer.text);
  });
});

describe("produced as raw values", () => {
  test("the body is the value, byte by byte", async () => {
    const target = await create("raw", 2);
    const query = "?key=%C3%A4&partition=1&timestamp=5&header=a%3D1&header=b%3D%3D";
    const [at] = await stored(post(`${target}${query}`, "v\n\0w", BYTES));
    assert.deepEqual([at!.partition, at!.offset], [1, 0]);
    const headers = { ...BYTES, "sluice-key": "k", "Sluice-Header": "x=y" };
    await stored(post(`${target}?partition=1`, "", headers));
    const { records } = await door.get(`${target}?partitions=1`) as { records: object[] };
    const place = { topic: "raw", partition: 1 };
    assert.deepEqual(records[0], {
      ...place,
      offset: 0,
      timestamp: 5,
      key: "ä",
      value: "v\n\0w",
      headers: [{ name: "a", value: "1" }, { name: "b", value: "=" }],
    });
    const { timestamp: _, ...second } = records[1] as { timestamp: number };
    assert.deepEqual(second, {
      ...place,
      offset: 1,
      key: "k",
      value: "",
      headers: [{ name: "x", value: "y" }],
    });
  });

  test("what is wrong with what stands beside it is refused", async () => {
    const target = "/v1/topics/raw/records";
    const at = async (question: Question) => (await refused(400, question)).issues[0]!.at;
    assert.equal(await at(post(`${target}?header=x`, "v", BYTES)), "query.header");
    assert.equal(await at(post(`${target}?partition=x`, "v", BYTES)), "query.partition");
    const twice = { ...BYTES, "sluice-key": "k" };
    assert.equal(await at(post(`${target}?key=a`, "v", twice)), "query.key");
    assert.equal(await at(post(`${target}?key=a`, { value: "v" })), "query.key");
    assert.equal(
      await at(post(target, "{}\n", { ...LINES, "sluice-key": "k" })),
      "header.sluice-key",
    );
    const far = await refused(404, post(`${target}?partition=9`, "v", BYTES));
    assert.equal(far.name, "partition_not_found");
    const form = post(target, "v", { "content-type": "application/x-www-form-urlencoded" });
    assert.equal((await refused(415, form)).name, "http_content_type_unsupported");
  });
});

describe("produced as lines", () => {
  test("every line is answered, and the last answer sums up", async () => {
    const target = await create("lines", 2);
    const body = ["a", "", "b", "c"].map((value) => {
      return value === "" ? "" : JSON.stringify({ value, partition: value === "b" ? 1 : 0 });
    }).join("\n");
    const answers = linesOf(await door.ask(post(target, body, LINES)));
    const level = "fsync";
    assert.deepEqual(answers, [
      { line: 1, partition: 0, offset: 0, level },
      { line: 3, partition: 1, offset: 0, level },
      { line: 4, partition: 0, offset: 1, level },
      {
        acknowledged: 3,
        level,
        partitions: [{ partition: 0, records: 2, lastOffset: 1 }, {
          partition: 1,
          records: 1,
          lastOffset: 0,
        }],
      },
    ]);
    const last = linesOf(await door.ask(post(`${target}?answer=last`, body, LINES)));
    assert.deepEqual([last.length, last[0]!["acknowledged"]], [1, 3]);
    const none = linesOf(await door.ask(post(target, "\n\n", LINES)));
    assert.deepEqual(none, [{ acknowledged: 0, level: null, partitions: [] }]);
  });

  test("a bad line says its number, and what stood before it is stored", async () => {
    const target = await create("bad-line");
    const body = '{"value":"a"}\n{"value":"b"}\n{"vale":"c"}\n{"value":"d"}\n';
    const answers = linesOf(await door.ask(post(target, body, LINES)));
    assert.deepEqual(answers.map(({ line }) => line), [1, 2, 3]);
    const last = answers[2] as unknown as { acknowledged: number; error: Problem };
    assert.deepEqual([last.acknowledged, last.error.name], [2, "http_invalid_request"]);
    assert.deepEqual(last.error.issues[0]!.at, "line 3");
    assert.equal((await sluice(["consume", "bad-line"])).out, "a\nb\n");
  });

  test("a mistake before anything is stored is the whole answer", async () => {
    const target = await create("first-line");
    const cases: [string, number, string][] = [
      ["{", 400, "http_invalid_request"],
      ['{"partition":9}', 404, "partition_not_found"],
      [`{"value":"${"x".repeat(2_000_000)}"}`, 413, "batch_too_large"],
      ["x".repeat(HTTP_RECORDS_SIZE_MAX + 1), 413, "http_body_too_large"],
    ];
    for (const [body, status, name] of cases) {
      const found = await refused(status, post(target, body, LINES));
      assert.deepEqual([found.name, found.issues[0]!.at], [name, "line 1"]);
    }
    const nowhere = await refused(404, post("/v1/topics/nowhere/records", "{}\n", LINES));
    assert.equal(nowhere.name, "topic_not_found");
  });

  test("a stream is answered while it is sent, and may pause", async () => {
    const target = await create("live");
    const upload = await LineUpload.open(door, target);
    for (const offset of [0, 1, 2]) {
      upload.write(`{"value":"${offset}"}\n`);
      assert.deepEqual(await upload.answer(), {
        line: offset + 1,
        partition: 0,
        offset,
        level: "fsync",
      });
    }
    upload.write('{"value":');
    upload.write('"in two pieces"}');
    upload.end();
    assert.equal((await upload.answer())["offset"], 3);
    assert.equal((await upload.answer())["acknowledged"], 4);
    await upload.ended;
  });

  test("who does not read its answers is not read from, and takes bounded memory", async () => {
    const target = await create("unread", 1, { durability: "os" });
    const before = await residentBytes();
    const upload = await LineUpload.open(door, target);
    upload.pause();
    const wanted = 200_000;
    const line = `${JSON.stringify({ value: "x".repeat(400) })}\n`;
    const written = await upload.writeUntilFull(line.repeat(100), wanted / 100);
    assert.ok(written < wanted / 100, "the door went on reading");
    const grown = await residentBytes() - before;
    assert.ok(grown < 100_000_000, `${grown} bytes more`);
    upload.resume();
    await upload.writeAll(line.repeat(100), 10);
    upload.end();
    const last = await upload.last();
    assert.equal(last["acknowledged"], (written + 10) * 100);
  });

  test("a client that goes leaves what was acknowledged, and the door serves on", async () => {
    const target = await create("gone");
    const upload = await LineUpload.open(door, target);
    upload.write('{"value":"a"}\n{"value":');
    assert.equal((await upload.answer())["line"], 1);
    upload.cut();
    await upload.ended;
    const { records } = await until("the record", async () => {
      const found = await door.get(target) as { records: { value: string }[] };
      return found.records.length > 0 && found;
    });
    assert.deepEqual(records.map(({ value }) => value), ["a"]);
  });
});

async function residentBytes(): Promise<number> {
  const { out } = await sluice(["stats"]);
  return Number(/^process_resident_bytes\s+(\d+)/m.exec(out)?.[1]);
}
