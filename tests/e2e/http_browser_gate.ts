/**
 * A browser (Debian's chromium) at the HTTP door: the page of examples/, which is cut off and goes
 * on where it was, and what docs/HTTP.md has people paste into the console at /docs.
 *
 *     npm run gate -- http_browser
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { startBroker } from "../support/broker.ts";
import { chromiumMissing, openPage } from "../support/chromium.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, ROOT, runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { startTailPage } from "../support/tail_page.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read"];
const reason = chromiumMissing();
const data = join(temporaryDirectory("browser"), "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

async function produce(topic: string, ...values: string[]): Promise<void> {
  const body = values.map((value) => ({ key: "k", value }));
  await door.json(200, { method: "POST", target: `/v1/topics/${topic}/records`, body });
}

async function create(name: string): Promise<void> {
  await door.json(201, { method: "POST", target: "/v1/topics", body: { name } });
}

testOrSkip("the page of the example shows each record once, over a cut", reason, async () => {
  const topic = "clicks";
  await create(topic);
  await produce(topic, "one", "<b>two</b>");
  const runtime = [runtimePath(BROKER_RUNTIME), ...argumentsFor(BROKER_RUNTIME, PERMISSIONS)];
  const served = await startTailPage({ runtime, topic, door, data });
  const page = await openPage(served.url, temporaryDirectory("profile"));
  const listed = () => {
    return page.evaluate(`[...document.querySelectorAll("li")].map((item) => item.textContent)`);
  };
  const shows = async (...lines: string[]) => {
    await until(lines.join(), async () => (await listed() as string[]).length >= lines.length);
    assert.deepEqual(await listed(), lines);
  };
  await shows("0/1 k: <b>two</b>", "0/0 k: one");
  const port = Number(new URL(served.url).port);
  await served.end();
  await produce(topic, "three");
  const again = await startTailPage({ runtime, topic, door, data, port });
  await shows("0/2 k: three", "0/1 k: <b>two</b>", "0/0 k: one");
  await page.close();
  await again.end();
});

testOrSkip("what docs/HTTP.md has people paste at /docs runs there", reason, async () => {
  await create("orders");
  const text = readFileSync(join(ROOT, "docs/HTTP.md"), "utf8");
  const pasted = /```js\n([\s\S]*?)```/.exec(text)![1]!;
  const { host, port } = door.place as { host: string; port: number };
  const page = await openPage(`http://${host}:${port}/docs`, temporaryDirectory("profile"));
  await page.evaluate("const seen = []; console.log = (line) => seen.push(line); 0");
  await page.evaluate(`${pasted.replace('"…"', `"${door.tokens.read}"`)}\n0`);
  await until("the stream is open", async () => await page.evaluate("events.readyState") === 1);
  await produce("orders", "paid");
  await until("the record", async () => await page.evaluate("seen.length") === 1);
  const record = await page.evaluate("seen[0]") as Record<string, unknown>;
  assert.deepEqual([record["key"], record["value"]], ["k", "paid"]);
  await page.close();
});
