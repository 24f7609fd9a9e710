/**
 * The embedded broker in the process of the test, under the runner's runtime: what it is started
 * with, what it refuses, and that nothing of it is left. On Node: `embedded_node_test.ts`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { DENO_SCRIPT_PERMISSIONS } from "../../scripts/runtime.mjs";
import { Broker, ConfigError, StartError } from "../../src/embed.ts";
import { ask } from "../support/http.ts";
import { descriptorCount, workerCount } from "../support/own_process.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, ROOT, runtimePath } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

/** Where brokers make their directories, for this file and what it starts. */
const PLACE = temporaryDirectory("place");
process.env["TMPDIR"] = PLACE;

test("without options: a free port, no HTTP door, a directory that goes", async () => {
  const broker = await Broker.start();
  const { native, http } = broker.addresses;
  assert.equal(native.host, "127.0.0.1");
  assert.ok(native.port > 0);
  assert.equal(http, null);
  assert.equal(join(broker.dataDirectory, ".."), PLACE);
  assert.ok(existsSync(broker.dataDirectory));
  await broker.stop();
  await broker.stop();
  await broker.closed;
  assert.deepEqual(readdirSync(PLACE), []);
});

test("topics, levels and limits are options", async () => {
  await using broker = await Broker.start({
    durability: "os",
    topics: { a: { partitions: 3 }, b: { durability: "interval", config: { "flush.ms": 7 } } },
    connections: { max: 77 },
    "message.max.bytes": 5000,
    http: { enabled: true },
  });
  const deliveries = await broker.produce([
    { topic: "a", partition: 2, value: "x" },
    { topic: "b", value: "y" },
  ]);
  assert.deepEqual(deliveries.map(({ level }) => level), ["os", "interval"]);
  assert.equal((await broker.produce({ topic: "b", value: "z" })).offset, 1);
  const settings = new Map((await broker.admin.config()).map(({ key, value }) => [key, value]));
  assert.equal(settings.get("connections.max"), "77");
  await assert.rejects(broker.produce({ topic: "a", value: "x".repeat(6000) }), {
    name: "batch_too_large",
  });
  assert.equal((await ask(broker.addresses.http!, { target: "/readyz" })).status, 200);
});

test("a directory that is named stays, and its topics with it", async () => {
  const dataDirectory = join(temporaryDirectory("kept"), "d");
  for (const partitions of [2, 5]) {
    await using broker = await Broker.start({ dataDirectory, topics: { kept: { partitions } } });
    const [topic] = (await broker.admin.metadata(["kept"])).topics;
    assert.equal(topic!.partitions.length, 2);
    const { offset } = await broker.produce({ topic: "kept", partition: 0, value: "v" });
    assert.equal(offset, partitions === 2 ? 0 : 1);
  }
  assert.ok(existsSync(join(dataDirectory, "kept-0")));
});

test("ten at once, in one process", async () => {
  const numbers = Array.from({ length: 10 }, (_, i) => i);
  const brokers = await Promise.all(numbers.map((i) => {
    return Broker.start({ topics: { numbers: { partitions: i + 1 } } });
  }));
  assert.equal(new Set(brokers.map(({ addresses }) => addresses.native.port)).size, 10);
  await Promise.all(brokers.map(async (broker, i) => {
    const [topic] = (await broker.admin.metadata(["numbers"])).topics;
    assert.equal(topic!.partitions.length, i + 1);
    const { level } = await broker.produce({ topic: "numbers", value: String(i) });
    assert.equal(level, "fsync");
  }));
  await Promise.all(brokers.map((broker) => broker.stop()));
  assert.deepEqual(readdirSync(PLACE), []);
});

test("what is wrong is said, and a start that fails leaves nothing", async () => {
  await using other = await Broker.start();
  // What the runtime loads and keeps, it has then.
  await (await Broker.start({ http: { enabled: true } })).stop();
  await until("its threads have ended", () => workerCount() <= 1);
  const before = { descriptors: descriptorCount(), workers: workerCount() };
  const { native, dataDirectory } = { ...other.addresses, ...other };
  const wrong = (
    options: object,
    kind: typeof Error | typeof ConfigError | typeof StartError,
    why: RegExp,
  ) =>
    assert.rejects(Broker.start(options), (error: Error) => {
      assert.match(error.message, why);
      return error instanceof kind;
    });
  await wrong({ topic: ["a"] }, ConfigError, /^topic is no option.*Did you mean topics\?$/);
  await wrong({ topics: { a: { size: 1 } } }, ConfigError, /^topics\.a\.size is no option/);
  await wrong({ http: { port: 1 } }, ConfigError, /^http\.port is no option/);
  await wrong({ connections: { max: 0 } }, ConfigError, /^connections\.max: /);
  await wrong({ native: { host: "0.0.0.0", port: 0 } }, ConfigError, /can be reached from other/);
  const holds = join(temporaryDirectory("holds"), "d");
  await (await Broker.start({ dataDirectory: holds, topics: { a: { partitions: 20 } } })).stop();
  await wrong({ native, dataDirectory: holds, sync: { method: "pool" } }, StartError, /EADDRINUSE/);
  await wrong({ native }, StartError, /cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE/);
  await wrong({ http: { enabled: true, listen: native } }, Error, /for HTTP: EADDRINUSE/);
  await wrong({ dataDirectory }, Error, /in use by another broker/);
  await wrong({ topics: ["a/b"] }, Error, /topic name/);
  await wrong({ topics: { a: { config: { durability: "some" } } } }, Error, /durability/);
  assert.deepEqual(readdirSync(PLACE).map((name) => join(PLACE, name)), [dataDirectory]);
  await until("all is as before", () => {
    return descriptorCount() <= before.descriptors && workerCount() <= before.workers;
  });
});

test("brokers that come and go leave no descriptor, no thread and no file", async () => {
  // What the runtime loads and keeps, it has then.
  await (await Broker.start({ http: { enabled: true } })).stop();
  await until("its threads have ended", () => workerCount() === 0);
  const descriptors = descriptorCount();
  for (let i = 0; i < 10; i += 1) {
    await using broker = await Broker.start({ topics: ["a"], http: { enabled: i === 5 } });
    await broker.produce({ topic: "a", value: "v" });
    assert.ok(workerCount() >= 1);
    assert.ok(descriptorCount() > descriptors);
  }
  assert.deepEqual(readdirSync(PLACE), []);
  await until("their threads have ended", () => workerCount() === 0);
  await until("their descriptors are closed", () => descriptorCount() <= descriptors);
});

test("a process that ends before its broker leaves no directory either", () => {
  const program = join(temporaryDirectory("ends"), "program.ts");
  writeFileSync(
    program,
    `import process from "node:process";
    import { Broker } from ${JSON.stringify(join(ROOT, "src/embed.ts"))};
    const broker = await Broker.start({ topics: ["a"] });
    process.stdout.write(broker.dataDirectory);
    process.exit(3);`,
  );
  const words = argumentsFor(BROKER_RUNTIME, DENO_SCRIPT_PERMISSIONS);
  const { status, stdout, stderr } = spawnSync(runtimePath(BROKER_RUNTIME), [...words, program], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.equal(status, 3, stderr);
  assert.equal(join(stdout, ".."), PLACE);
  assert.deepEqual(readdirSync(PLACE), []);
});
