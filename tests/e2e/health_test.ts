/** `sluice health`: its line and its exit code, by the Unix socket and at an address. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type CommandResult, runSluice, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("health");
const READY = "ready: 2 partitions, disk ok\n";

function health(args: readonly string[], env = {}): Promise<CommandResult> {
  return runSluice({ runtime: CLIENT_RUNTIME, args: ["health", ...args], env });
}

test(`a broker that serves is ready, however it is asked (${PAIR})`, async () => {
  const data = join(directory, "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  const http = await broker.http();
  await commands(broker)(["topic", "create", "two", "--partitions", "2"]);
  for (const args of [["--data", data], ["--run-dir", join(data, "run")], ["--http", http]]) {
    const { code, out, stderr } = await health(args);
    assert.deepEqual([code, out, stderr], [0, READY, ""], args.join(" "));
  }
  assert.equal((await health([], { SLUICE_DATA_DIRECTORY: data })).out, READY);
  const { out } = await health(["--data", data, "--json"]);
  const { at, status, partitions } = JSON.parse(out);
  assert.deepEqual([at, status], [join(data, "run", "http.sock"), "ready"]);
  assert.deepEqual(partitions, { count: 2, degraded: 0, failed: 0 });

  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  const gone = await health(["--data", data]);
  assert.deepEqual([gone.code, gone.stderr], [1, ""]);
  assert.match(gone.out, /^no answer: ENOENT at \S+\/run\/http\.sock\n$/);
});

test("a broker that was killed has left its socket, and does not answer", async () => {
  const data = join(directory, "killed");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  await broker.http();
  await broker.kill();
  const { code, out } = await health(["--data", data, "--json"]);
  assert.equal(code, 1);
  const at = join(data, "run", "http.sock");
  assert.deepEqual(JSON.parse(out), { at, status: "no answer", reason: "ECONNREFUSED" });
});

test("who is no broker is not healthy, whatever it says", async () => {
  const path = join(directory, "run", "http.sock");
  mkdirSync(join(directory, "run"));
  const answers = [
    ["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", /HTTP status 404/],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", /HTTP status 200/],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", /^no answer: /],
    ["HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", /^no answer: /],
    ["", /^no answer: /],
    ['HTTP/1.1 503 No\r\ncontent-length: 21\r\n\r\n{"status":"stopping"}', /^stopping\n$/],
  ] as const;
  for (const [answer, expected] of answers) {
    const server = net.createServer((socket) => {
      socket.on("error", () => {}).once("data", () => socket.end(answer));
    });
    await new Promise<void>((listening) => server.listen(path, listening));
    const { code, out } = await health(["--run-dir", join(directory, "run")]);
    await new Promise((closed) => server.close(closed));
    assert.equal(code, 1, out);
    assert.match(out, expected);
  }
});

test("who hangs is not waited for", async () => {
  const run = join(directory, "hangs");
  mkdirSync(run);
  const half = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{";
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {}).once("data", () => socket.write(half));
  });
  await new Promise<void>((listening) => server.listen(join(run, "http.sock"), listening));
  const { code, out } = await health(["--run-dir", run]);
  for (const socket of sockets) socket.destroy();
  await new Promise((closed) => server.close(closed));
  assert.equal(code, 1);
  assert.match(out, /^no answer: nothing whole came within \d+ ms at /);
});
