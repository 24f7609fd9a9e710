/**
 * examples/tail_page.mjs: the page and what it asks for, by an EventSource as browsers have one. A
 * browser itself opens it in http_browser_gate.ts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after } from "node:test";
import { startBroker } from "../support/broker.ts";
import { EventSource } from "../support/event_source.ts";
import { HttpDoor } from "../support/http.ts";
import { findNode } from "../support/node.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, availableRuntimes } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { startTailPage } from "../support/tail_page.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read"];
const data = join(temporaryDirectory("page"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

async function produce(topic: string, value: string): Promise<void> {
  await door.json(200, {
    method: "POST",
    target: `/v1/topics/${topic}/records`,
    body: { key: "k", value },
  });
}

function register(name: string, runtime: readonly string[], reason: string | null): void {
  testOrSkip(`the page and its records, served by ${name}`, reason, async () => {
    await door.json(201, { method: "POST", target: "/v1/topics", body: { name } });
    await produce(name, "first");
    const page = await startTailPage({ runtime, topic: name, door, data });
    const html = await (await fetch(page.url)).text();
    assert.match(html, /new EventSource\(url\)/);
    const { topic, url } = await (await fetch(`${page.url}ticket`, { method: "POST" })).json();
    assert.equal(topic, name);
    const seen: string[] = [];
    const events = new EventSource(new URL(url, page.url).href);
    events.onmessage = ({ data: text, lastEventId }) => {
      seen.push(`${JSON.parse(text).value} ${lastEventId}`);
    };
    await until("the first record", () => seen.length === 1);
    await produce(name, "second");
    await until("the second record", () => seen.length === 2);
    assert.deepEqual(seen.map((one) => one.replace(/@.*/, "")), ["first 0:1", "second 0:2"]);
    const other = await fetch(new URL(`/v1/topics/${name}/records`, page.url));
    assert.equal(other.status, 401, "the server gives its token to nobody");
    await other.body?.cancel();
    events.close();
    await page.end();
  });
}

for (const { name, path } of availableRuntimes()) {
  register(name, [path, ...argumentsFor(name, PERMISSIONS)], null);
}
const node = findNode();
register("node", [node.path], node.reason);
