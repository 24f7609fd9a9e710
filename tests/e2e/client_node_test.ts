/**
 * The client as Node loads it: from the npm package, plain JavaScript, against the broker; and its
 * types, as a program that uses them is checked.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { DENO_SCRIPT_PERMISSIONS } from "../../scripts/runtime.mjs";
import { startBroker } from "../support/broker.ts";
import { buildPackage, PACKAGE } from "../support/built_package.ts";
import { HttpDoor } from "../support/http.ts";
import { findNode } from "../support/node.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, ROOT, runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const CLIENT = join(PACKAGE, "src/client/mod.js");
const HTTP = join(PACKAGE, "src/client/http/mod.js");
const node = findNode();

test("the package is built", buildPackage);

test("a program that uses its types is checked without an error, and a wrong one with", () => {
  const folder = temporaryDirectory("types");
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: { types: [] },
    files: ["main.mts"],
    include: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const program = (offset: string): string =>
    [
      `import { Client, type Delivery } from "${CLIENT}";`,
      `const client: Client = await Client.connect({ brokers: ["127.0.0.1:7400"] });`,
      `const producer = await client.producer({ compression: "lz4" });`,
      `const delivery: Delivery = await producer.send({ topic: "t", value: "v" });`,
      `export const offset: ${offset} = delivery.offset;`,
      `import { HttpApi, type Topic } from "${HTTP}";`,
      `const api = new HttpApi({ url: "http://127.0.0.1:7480" });`,
      `const { partitions }: Topic = await api.getTopic({ topic: "t" });`,
      `export const end: ${offset} = partitions[0]!.logEnd;`,
    ].join("\n");
  const check = (offset: string): string => {
    writeFileSync(join(folder, "main.mts"), program(offset));
    return underRuntime(["node_modules/typescript/bin/tsc", "-p", folder]).stdout;
  };
  assert.equal(check("number"), "");
  const complaints = check("string").match(/Type 'number' is not assignable to type 'string'/g);
  assert.equal(complaints?.length, 2);
});

testOrSkip("a program on Node produces and consumes", node.reason, async () => {
  const data = join(temporaryDirectory("node"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const program = join(ROOT, "tests/support/node_client.mjs");
  const { code, out } = await runNode([program, CLIENT, `127.0.0.1:${broker.port}`]);
  assert.equal(code, 0, out);
  const said = JSON.parse(out);
  assert.equal(said.records, said.codecs.length * 500);
  if (!said.codecs.includes("zstd")) assert.match(said.refusal, /22\.15.*@bokuweb\/zstd-wasm/);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

testOrSkip("a program on Node speaks to the HTTP door", node.reason, async () => {
  const data = join(temporaryDirectory("node-http"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  const { tokens } = await HttpDoor.of(broker, data);
  const program = join(ROOT, "tests/support/node_http_client.mjs");
  const door = `http://${await broker.http()}`;
  const { code, out } = await runNode([program, HTTP, door], { SLUICE_TOKEN: tokens.admin });
  assert.equal(code, 0, out);
  assert.deepEqual(JSON.parse(out), {
    values: ["one", "two", "three"],
    acknowledged: 2,
    event: "one",
    kind: "summary",
    problem: ["topic_exists", 409],
  });
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function underRuntime(args: readonly string[]): Ran {
  const words = [...argumentsFor(BROKER_RUNTIME, DENO_SCRIPT_PERMISSIONS), ...args];
  const { status, stdout, stderr } = spawnSync(runtimePath(BROKER_RUNTIME), words, {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function runNode(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(node.path, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    let out = "";
    child.stdout.on("data", (piece) => (out += piece));
    child.stderr.on("data", (piece) => (out += piece));
    child.on("close", (code) => resolve({ code, out }));
  });
}
