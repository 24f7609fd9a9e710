/**
 * Opening the HTTP door: in a program that embeds the broker, at an address that is taken, and
 * without one at all.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { RunningBroker } from "../../src/running_broker.ts";
import { runSluice, startBroker } from "../support/broker.ts";
import { ask } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const directory = temporaryDirectory("listen");
const ANY = { host: "127.0.0.1", port: 0 };
const DEFAULT_PORT = 7480;

/** Somebody else at a port; 0: any. Null where somebody is there already. */
function occupy(port: number): Promise<net.Server | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

test("an embedded broker has a door when it is asked, and nothing global changes", async () => {
  const { Request, Response } = globalThis;
  const dataDirectory = join(directory, "embedded");
  const broker = await RunningBroker.start({ dataDirectory, native: ANY, http: { listen: ANY } });
  assert.equal(existsSync(join(dataDirectory, "http-admin.token")), false, "nobody asked");
  const { address, socketPath, adminTokenFile } = await broker.serveHttp();
  assert.deepEqual(await broker.serveHttp(), { address, socketPath, adminTokenFile }, "once");
  assert.ok(address !== null && existsSync(adminTokenFile));
  assert.equal((await ask(address, { target: "/readyz" })).status, 200);
  assert.equal((await ask({ path: socketPath }, { target: "/v1/topics" })).status, 200);
  assert.deepEqual([globalThis.Request, globalThis.Response], [Request, Response]);
  await broker.stop();
  await assert.rejects(ask(address, { target: "/livez" }));
  await assert.rejects(broker.serveHttp(), /stopping/);
});

test("an address that was asked for and is taken ends the broker, in words", async () => {
  const other = (await occupy(0))!;
  const { port } = other.address() as net.AddressInfo;
  const ended = await runSluice({
    runtime: BROKER_RUNTIME,
    args: [
      "serve",
      ...["--data", join(directory, "taken"), "--native", "127.0.0.1:0"],
      ...["--http", `127.0.0.1:${port}`],
    ],
  });
  other.close();
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, /cannot listen on 127\.0\.0\.1:\d+ for HTTP: EADDRINUSE\n.*--no-http/);
  assert.doesNotMatch(ended.stderr, /a bug/);
});

test("a default address that is taken leaves the Unix socket", async () => {
  const other = await occupy(DEFAULT_PORT);
  const data = join(directory, "default");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: "default" });
  const path = join(data, "run", "http.sock");
  await until("the warning is there", () => {
    return /warning cannot listen on 127\.0\.0\.1:7480 .*open at .*http\.sock alone/.test(
      broker.stderr(),
    );
  });
  await until("the door is open", () => existsSync(path));
  assert.equal((await ask({ path }, { target: "/readyz" })).status, 200);
  assert.doesNotMatch(broker.stdout(), /^http /m);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  other?.close();
});

test("without a door there is neither a token nor a socket", async () => {
  const data = join(directory, "none");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  assert.deepEqual(await broker.stop(), { code: 0, signal: null });
  assert.equal(existsSync(join(data, "http-admin.token")), false);
  assert.doesNotMatch(broker.stdout(), /^http /m);
});
