/**
 * The commands of docs/HTTP.md, pasted into a shell one after the other: every one ends well, and
 * says what the page promises.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pageBlocks } from "../support/tour.ts";

const CURL = "curl";
/** `curl -N` of an endless stream is ended by this, which curl tells with the code 28. */
const SECONDS = 2;
const TIMED_OUT = 28;

const isThere = spawnSync(CURL, ["--version"]).error === undefined;

testOrSkip(`the page, pasted, ${PAIR}`, isThere ? null : "there is no curl", async () => {
  const folder = temporaryDirectory("page");
  const data = join(folder, "sluice-data");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  const address = await broker.http();
  const page = join(ROOT, "docs", "HTTP.md");
  const blocks = ["In one minute", "Records", "Streams"].map((heading) => {
    return pageBlocks(page, heading).join("");
  });
  assert.match(blocks[2]!, /^curl -N /);
  const endless = blocks[2]!.trimEnd().replace("curl -N ", `curl -sN --max-time ${SECONDS} `);
  const script = [blocks[0], blocks[1], `${endless} || test $? -eq ${TIMED_OUT}\n`].join("");
  const out = await paste(script.replaceAll("127.0.0.1:7480", address), folder);
  assert.match(out, /"status":"ready"/);
  assert.match(out, /"name":"orders"/);
  assert.match(out, /\{"records":\[\{"partition":\d,"offset":0,"level":"fsync"\},\{"partition"/);
  assert.match(out, /\{"line":1,"partition":\d,"offset":\d,"level":"fsync"\}$/m);
  assert.match(out, /^\{"line":2,"partition":3,"offset":\d,"level":"fsync"\}$/m);
  assert.match(out, /^\{"acknowledged":2,"level":"fsync",/m);
  assert.match(out, /"headers":\[\{"name":"source","value":"curl"\}\]/);
  assert.match(out, /^sluice-next: 2:\d+@[0-9a-f]{8}\r?$/im);
  assert.equal(out.match(/^data: \{"topic":"orders",/gm)?.length, 5);
  assert.match(out, /^retry: 1000\nid: 0:0,1:0,2:0,3:0@[0-9a-f]{8}$/m);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

/** The text in a shell that ends at the first command that fails; its standard output. */
function paste(text: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-e"], { cwd, env: process.env });
    let out = "";
    let error = "";
    child.stdout.on("data", (piece) => (out += piece));
    child.stderr.on("data", (piece) => (error += piece));
    child.on("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`ended with ${code}:\n${out}${error}`));
    });
    child.stdin.end(text);
  });
}
