/** Where `serve` says what, and in which form. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { serveLine } from "../../src/cli/serve_line.ts";
import { runSluice } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** What it says from its start to SIGTERM, after "ready" and the HTTP door. */
async function said(flags: readonly string[]): Promise<{ out: string; stderr: string }> {
  const data = temporaryDirectory("log-format");
  const listeners = ["--native", "127.0.0.1:0", "--http", "127.0.0.1:0"];
  const { code, out, stderr } = await runSluice({
    runtime: BROKER_RUNTIME,
    args: ["serve", "--data", data, ...listeners, ...flags],
    started: (child) => {
      let text = "";
      child.stdout!.on("data", (bytes: Uint8Array) => {
        text += String(bytes);
        if (/^http |"http"/m.test(text)) process.kill(child.pid!, "SIGTERM");
      });
    },
  });
  assert.equal(code, 0, stderr);
  return { out, stderr };
}

test("json: an object a line, all of them on standard output", async () => {
  const { out, stderr } = await said(["--log-format", "json"]);
  assert.equal(stderr, "");
  const lines = out.trimEnd().split("\n").map((line) => serveLine.parse(JSON.parse(line)));
  const listeners = lines.flatMap((line) => line.event === "listening" ? [line.listener] : []);
  assert.deepEqual(listeners, ["native", "http"]);
  assert.ok(lines.some(({ event }) => event === "ready"));
  const messages = lines.flatMap((line) => line.event === "message" ? [line.message] : []);
  assert.ok(messages.some((text) => text.startsWith("syncs by")), out);
});

test("text: the usual lines on standard output; without it messages are on stderr", async () => {
  const text = await said(["--log-format", "text"]);
  assert.equal(text.stderr, "");
  assert.match(text.out, /Z info syncs by /);
  assert.match(text.out, /^ready$/m);
  const usual = await said([]);
  assert.match(usual.stderr, /Z info syncs by /);
  assert.match(usual.out, /^native 127\.0\.0\.1:\d+\nready\nhttp 127\.0\.0\.1:\d+\n$/);
});
