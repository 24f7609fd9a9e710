/**
 * Records as Server-Sent Events on a running broker: from where they begin, who goes on, what ends
 * them, who may open them, and what readers cost that do not read.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { clearInterval, setImmediate, setInterval } from "node:timers";
import { MiB } from "../../src/base/units.ts";
import { Client } from "../../src/client/client.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { EventReader, type ServerEvent } from "../support/event_stream.ts";
import { HttpDoor } from "../support/http.ts";
import { LineUpload, untagged } from "../support/http_streams.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { residentMemory } from "../support/process_state.ts";
import { ResumedStream } from "../support/proof/resumed_stream.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until, within } from "../support/until.ts";

/** Of ten readers of three partitions; docs/HTTP.md says so. */
const SLOW_READERS_MAX = 150 * MiB;
const data = join(temporaryDirectory("streams"), "d");
const env = { SLUICE_HTTP_CONNECTIONS_MAX: "40" };
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true, env });
const door = await HttpDoor.of(broker, data);

async function create(name: string, partitions = 1, config: object = {}): Promise<string> {
  await door.json(201, {
    method: "POST",
    target: "/v1/topics",
    body: { name, partitions, config },
  });
  return `/v1/topics/${name}`;
}

async function produce(topic: string, body: object): Promise<void> {
  await door.json(200, { method: "POST", target: `${topic}/records`, body });
}

interface Followed {
  readonly reader: EventReader;
  readonly events: ServerEvent[];
  /** The first `count` of them, as partition:offset=value, when they are there. */
  seen(count: number): Promise<string>;
}

function follow(target: string, headers: Record<string, string | undefined> = {}): Followed {
  const events: ServerEvent[] = [];
  const reader = new EventReader({ door, target, headers, taken: (event) => events.push(event) });
  const seen = async (count: number): Promise<string> => {
    await until(`${count} events of ${target}`, () => events.length >= count);
    return events.map(({ type, data: text }) => {
      const { partition, offset, value, name } = JSON.parse(text);
      return type === "message" ? `${partition}:${offset}=${value}` : `${type} ${name}`;
    }).join(" ");
  };
  return { reader, events, seen };
}

/** What it would come back with; empty before its first event. */
function placeOf({ reader }: Followed): string {
  const { lastEventId } = reader.parser;
  return lastEventId === "" ? "" : untagged(lastEventId);
}

describe("a stream", () => {
  test("begins where it is told to, and says where it is", async () => {
    const topic = await create("begins", 2);
    await produce(topic, [0, 0, 1].map((partition) => ({ partition, value: "old" })));
    const all = follow(`${topic}/stream?from=earliest&partitions=0`);
    assert.equal(await all.seen(2), "0:0=old 0:1=old");
    assert.match(all.reader.head, /^content-type: text\/event-stream/im);
    assert.deepEqual(all.events.map(({ id }) => untagged(id)), ["0:1", "0:2"]);
    assert.equal(all.reader.parser.retryMs, 1000);
    const late = follow(`${topic}/stream`);
    await until("where it begins", () => placeOf(late) === "0:2,1:1");
    await produce(topic, { partition: 1, value: "new" });
    assert.equal(await late.seen(1), "1:1=new");
    assert.equal(untagged(late.events[0]!.id), "0:2,1:2");
    const resumed = follow(`${topic}/stream`, { "last-event-id": "0:1,1:1" });
    assert.equal((await resumed.seen(2)).split(" ").sort().join(" "), "0:1=old 1:1=new");
    for (const { reader } of [all, late, resumed]) reader.cut();
  });

  test("that was cut before its first record goes on where it began", async () => {
    const topic = await create("early", 1);
    const cut = follow(`${topic}/stream`);
    await until("where it begins", () => placeOf(cut) === "0:0");
    cut.reader.cut();
    await produce(topic, { value: "between" });
    const again = follow(`${topic}/stream`, { "last-event-id": cut.reader.parser.lastEventId });
    assert.equal(await again.seen(1), "0:0=between");
    again.reader.cut();
  });

  test("of all partitions has those that come later, from their first record on", async () => {
    const topic = await create("grows", 1);
    const all = follow(`${topic}/stream`);
    await until("where it begins", () => placeOf(all) === "0:0");
    await door.json(200, { method: "PUT", target: `${topic}/partitions`, body: { partitions: 2 } });
    await until("the producer knows it", async () => {
      const record = { partition: 1, value: "v" };
      const body = { method: "POST", target: `${topic}/records`, body: record };
      return (await door.ask(body)).status === 200;
    });
    assert.equal(await all.seen(1), "1:0=v");
    assert.equal(untagged(all.events[0]!.id), "0:0,1:1");
    all.reader.cut();
  });

  test("says why it ends when its topic goes", async () => {
    const topic = await create("goes");
    const stream = follow(`${topic}/stream`);
    assert.equal(await stream.reader.answered, 200);
    await door.ask({ method: "DELETE", target: topic });
    assert.equal(await stream.seen(1), "problem topic_not_found");
    assert.equal(await within("the end", stream.reader.ended), true, "it ends as it should");
  });

  test("is not gone on with where its topic is another one of the same name", async () => {
    const topic = await create("again");
    await produce(topic, [{ value: "old" }, { value: "older" }]);
    const old = follow(`${topic}/stream?from=earliest`);
    await old.seen(2);
    const { lastEventId } = old.reader.parser;
    assert.equal(untagged(lastEventId), "0:2");
    await door.ask({ method: "DELETE", target: topic });
    await create("again");
    await produce(topic, [{ value: "a" }, { value: "b" }, { value: "c" }]);
    await within("the end of the old one", old.reader.ended);
    const said = old.events.map(({ type, data: text }) => `${type} ${JSON.parse(text).name ?? ""}`);
    assert.deepEqual(said.slice(2), ["problem topic_not_found"], "nothing of the new one");
    const { reader } = follow(`${topic}/stream`, { "last-event-id": lastEventId });
    await reader.ended;
    assert.equal(await reader.answered, 409, "two records would have been left out");
    assert.equal(JSON.parse(reader.body).name, "http_topic_replaced");
    const polled = { target: `${topic}/records?from=${lastEventId}` };
    assert.equal((await door.json(409, polled) as { name: string }).name, "http_topic_replaced");
    const byHand = follow(`${topic}/stream`, { "last-event-id": "0:2" });
    assert.equal(await byHand.seen(1), "0:2=c", "who names no topic means the one that is there");
    byHand.reader.cut();
  });

  test("of what is not there, or is no place, is refused", async () => {
    const topic = await create("refuses", 1);
    const cases: [target: string, id: string | undefined, status: number, name: string][] = [
      ["/v1/topics/nowhere/stream", undefined, 404, "topic_not_found"],
      [`${topic}/stream?partitions=1`, undefined, 404, "partition_not_found"],
      [`${topic}/stream?from=5`, undefined, 409, "offset_out_of_range"],
      [`${topic}/stream`, "0:5", 409, "offset_out_of_range"],
      [`${topic}/stream`, "earliest", 400, "http_invalid_request"],
      [`${topic}/stream`, "0:00", 400, "http_invalid_request"],
      [`${topic}/stream`, "1:0", 400, "http_invalid_request"],
      [`${topic}/stream?from=x`, undefined, 400, "http_invalid_request"],
      [`${topic}/stream?more=1`, undefined, 400, "http_invalid_request"],
    ];
    for (const [target, id, status, name] of cases) {
      const { reader } = follow(target, { "last-event-id": id });
      await reader.ended;
      assert.deepEqual(
        [await reader.answered, JSON.parse(reader.body).name],
        [status, name],
        target,
      );
    }
  });

  test("leaves room for others: half of the connections may be streams", async () => {
    const topic = await create("many");
    const open = Array.from({ length: 20 }, () => follow(`${topic}/stream`));
    await Promise.all(open.map(async ({ reader }) => {
      assert.equal(await reader.answered, 200, reader.body);
    }));
    const more = follow(`${topic}/stream`);
    assert.equal(await more.reader.answered, 503);
    await more.reader.ended;
    assert.equal(JSON.parse(more.reader.body).name, "http_too_many_streams");
    for (const { reader } of open) reader.cut();
    await until("a place is free", async () => {
      const { reader } = follow(`${topic}/stream`);
      const status = await reader.answered;
      reader.cut();
      return status === 200;
    });
  });
});

describe("a ticket", () => {
  interface Ticket {
    ticket: string;
    url: string;
  }

  async function issue(stream: string): Promise<Ticket> {
    const answer = await door.ask(
      { method: "POST", target: "/v1/tickets", body: { stream } },
      "read",
    );
    assert.equal(answer.status, 201, answer.text);
    return JSON.parse(answer.text);
  }

  const withoutToken = { authorization: undefined };

  async function refused(target: string, more: Record<string, string> = {}): Promise<void> {
    const { reader } = follow(target, { ...withoutToken, ...more });
    await within(`an answer of ${target}`, reader.ended);
    assert.equal(await reader.answered, 401, reader.body);
    assert.equal(JSON.parse(reader.body).name, "http_ticket_refused", target);
  }

  test("opens one stream, once at a time, and again with Last-Event-ID", async () => {
    const topic = await create("ticket");
    await produce(topic, { value: "a" });
    const { url } = await issue(`${topic}/stream?from=earliest`);
    assert.match(url, /^\/v1\/topics\/ticket\/stream\?from=earliest&ticket=[\w-]{43}$/);
    const first = follow(url, withoutToken);
    assert.equal(await first.seen(1), "0:0=a");
    await refused(url);
    await refused(url, { "last-event-id": "0:1" });
    first.reader.cut();
    await first.reader.ended;
    await refused(url); // used, and without the id of an event
    const again = await until("the end is noticed", async () => {
      const opened = follow(url, { ...withoutToken, "last-event-id": "0:1" });
      if (await opened.reader.answered === 200) return opened;
      return null;
    });
    await produce(topic, { value: "b" });
    assert.equal(await again.seen(1), "0:1=b");
    again.reader.cut();
  });

  test("opens nothing else", async () => {
    const topic = await create("other-ticket");
    const { url, ticket } = await issue(`${topic}/stream?from=earliest&partitions=0`);
    const others = [
      `${topic}/stream?ticket=${ticket}`,
      `${topic}/stream?from=latest&partitions=0&ticket=${ticket}`,
      `${topic}/stream?partitions=0&from=earliest&ticket=${ticket}`,
      `/v1/topics/ticket/stream?from=earliest&partitions=0&ticket=${ticket}`,
      `${topic}/stream?from=earliest&partitions=0&ticket=${ticket}x`,
      `${topic}/stream?from=earliest&partitions=0&ticket=`,
    ];
    for (const target of others) await refused(target);
    const routes = [`/v1/topics?ticket=${ticket}`, `${topic}/records?ticket=${ticket}`];
    for (const target of [...routes, `${url}&ticket=${ticket}`]) {
      const answer = await door.ask({ target }, null);
      assert.deepEqual([answer.status, JSON.parse(answer.text).name], [401, "http_token_required"]);
    }
    const asToken = { authorization: `Bearer ${ticket}` };
    assert.equal(
      (await door.ask({ target: `${topic}/stream`, headers: asToken }, null)).status,
      401,
    );
    const good = follow(url, withoutToken);
    assert.equal(await good.reader.answered, 200, "none of that used it up");
    good.reader.cut();
  });

  test("is for a stream, and for who has a token", async () => {
    const wrong = [
      "/v1/topics",
      "/v1/topics/t/records",
      "/v1/topics/t/stream?ticket=x",
      "//v1/topics/t/stream",
      "/v1/topics/../t/stream",
      "http://elsewhere/v1/topics/t/stream",
      "",
    ];
    for (const stream of wrong) {
      const asked = { method: "POST", target: "/v1/tickets", body: { stream } };
      const { name } = await door.json(400, asked) as { name: string };
      assert.equal(name, "http_invalid_request", stream);
    }
    const stream = "/v1/topics/t/stream";
    const none = await door.ask({ method: "POST", target: "/v1/tickets", body: { stream } }, null);
    assert.equal(none.status, 401);
    assert.doesNotMatch(broker.stderr(), /ticket=/, "none is traced");
  });
});

test("ten readers that are slow leave memory bounded, and miss nothing", async () => {
  const topic = await create("fast", 3, { durability: "os" });
  const client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  const producer = await client.producer();
  const value = "x".repeat(2000);
  const send = async (records: number): Promise<void> => {
    for (let count = 0; count < records; count += 1) {
      await producer.post({ topic: "fast", value, partition: count % 3 });
    }
    await producer.flush();
  };
  await send(5000);
  const readers = Array.from({ length: 10 }, () => follow(`${topic}/stream?from=earliest`));
  await Promise.all(readers.map(({ seen }) => seen(100)));
  for (const { reader } of readers) reader.pause();
  const drip = setInterval(() => {
    for (const { reader } of readers.slice(5)) readSome(reader);
  }, 20);
  const before = residentMemory(broker.pid);
  await send(50_000); // 100 MB, a thousand for all ten
  const grown = residentMemory(broker.pid) - before;
  clearInterval(drip);
  assert.ok(grown < SLOW_READERS_MAX, `${Math.round(grown / MiB)} MiB more`);
  const drips = readers.slice(5).map(({ events }) => events.length);
  assert.ok(Math.min(...drips) > 100, "half of them read, slowly");
  assert.ok(Math.max(...drips) < 55_000, String(drips));
  const [last, ...others] = readers;
  for (const { reader } of others) reader.cut();
  last!.reader.resume();
  await until("every record", () => last!.events.length === 55_000, 60_000);
  const nextOffsets = [0, 0, 0];
  for (const { data: text } of last!.events) {
    const { partition, offset } = JSON.parse(text);
    assert.equal(offset, nextOffsets[partition]);
    nextOffsets[partition]! += 1;
  }
  last!.reader.cut();
  await client.close();
});

/** What has come, and no more. */
function readSome(reader: EventReader): void {
  reader.resume();
  setImmediate(() => reader.pause());
}

test("cut at random bytes, and over a kill, every record is seen once", async () => {
  const stream = new ResumedStream({ data: join(temporaryDirectory("resumed"), "d"), seed: 73 });
  await stream.start();
  await stream.cut(10);
  await stream.restart("kill");
  await stream.cut(5);
  await stream.restart("stop");
  await stream.cut(5);
  await stream.finish();
  assert.deepEqual([stream.cuts, stream.restarts], [20, 2]);
});

test("a stop ends streams and uploads where they can be gone on with", async () => {
  const topic = await create("stopped");
  const stream = follow(`${topic}/stream`);
  assert.equal(await stream.reader.answered, 200);
  const upload = await LineUpload.open(door, `${topic}/records`);
  upload.write('{"value":"a"}\n');
  assert.equal((await upload.answer())["offset"], 0);
  assert.equal(await stream.seen(1), "0:0=a");
  await stopped(broker);
  assert.equal(await within("the end of the stream", stream.reader.ended), true);
  const last = await upload.last() as { acknowledged: number; error: { name: string } };
  assert.deepEqual([last.acknowledged, last.error.name], [1, "shutting_down"]);
});

async function stopped(running: Broker): Promise<void> {
  assert.deepEqual(await running.stop(), { code: 0, signal: null }, running.stderr());
  assert.doesNotMatch(running.stderr(), / error /, "nothing of it was a bug");
}
