/**
 * Settings of a broker from a file and the environment; topics that are altered and described; and
 * what is said in the first hour, each with the next step.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("settings");
const runtime = BROKER_RUNTIME;

test(`a file and the environment are obeyed, and config says so (${PAIR})`, async () => {
  const file = join(directory, "sluice.json");
  writeFileSync(file, '{ // one client\n  "connections": { "max": 1, "idleMs": 300000 },\n}\n');
  const env = { SLUICE_SYNC_METHOD: "pool", SLUICE_CONNECTIONS_IDLE_MS: "200000" };
  const flags = ["--config", file];
  const data = join(directory, "file");
  const broker = await startBroker({ runtime, data, flags, env });
  assert.match(broker.stderr(), /pool|worker/, "syncs as the environment says");
  const first = net.connect(broker.port, "127.0.0.1");
  await new Promise((connected) => first.on("connect", connected));
  const second = net.connect(broker.port, "127.0.0.1");
  await new Promise((closed) => second.on("close", closed).on("error", () => {}).resume());
  first.destroy();
  await broker.stop();

  const args = ["config", "--json", "--data", data, ...flags];
  const { out } = await runSluice({ runtime: CLIENT_RUNTIME, args, env });
  const values = new Map(
    out.trimEnd().split("\n").map((line) => {
      const { key, value, source } = JSON.parse(line);
      return [key, [value, source]];
    }),
  );
  assert.deepEqual(values.get("dataDirectory"), [data, "command line"]);
  assert.deepEqual(values.get("connections.max"), ["1", "file"]);
  assert.deepEqual(values.get("connections.idleMs"), ["200000", "environment"]);
  assert.deepEqual(values.get("sync.method"), ["pool", "environment"]);
  assert.deepEqual(values.get("sync.waitShare"), ["0.5", "default"]);

  const wrong = { SLUICE_CONNECTIONS_MAX: "0" };
  for (const command of [["serve", "--data", data], ["config"]]) {
    const refused = await runSluice({ runtime, args: command, env: wrong });
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /connections\.max is 0 \(SLUICE_CONNECTIONS_MAX\); allowed: 1 to/);
  }
});

test("a topic is altered and described, also after a restart", async () => {
  const data = join(directory, "alter");
  const broker = await startBroker({ runtime, data });
  await commands(broker)(["topic", "create", "orders"]);
  await commands(broker)(["produce", "orders"], { stdin: "a\nb\n" });
  const alter = ["topic", "alter", "orders", "--config", "retention.ms=5000", "--partitions", "3"];
  await commands(broker)(alter);
  await commands(broker)(["topic", "alter", "orders", "--config", "durability=os"]);
  await commands(broker)(["topic", "alter", "orders", "--unset", "durability"]);
  assert.deepEqual(await broker.kill(), { code: null, signal: "SIGKILL" });
  const again = await startBroker({ runtime, data });
  const described = await commands(again)(["topic", "describe", "orders", "--json"]);
  const topic = JSON.parse(described.out);
  assert.equal(topic.config["retention.ms"], "5000");
  assert.equal(topic.config["durability"], "fsync");
  assert.deepEqual(
    topic.partitions.map(({ state, visibleEnd }: Record<string, unknown>) => [state, visibleEnd]),
    [["ok", 2], ["ok", 0], ["ok", 0]],
  );
  const offsets = await commands(again)(["offsets", "orders"]);
  assert.equal(
    offsets.out,
    "orders\t0\t0\t2\t2\t2\norders\t1\t0\t0\t0\t0\norders\t2\t0\t0\t0\t0\n",
  );
  const nothing = await tryCommands(again)(["topic", "alter", "orders"]);
  assert.equal(nothing.code, 2);
  const wrong = await tryCommands(again)([
    "topic",
    "alter",
    "orders",
    "--config",
    "retentoin.ms=1",
  ]);
  assert.match(wrong.stderr, /Did you mean retention\.ms\?/);
  await again.stop();
});

test("an address that is taken, or that others reach, says what to do", async () => {
  const broker = await startBroker({ runtime, data: join(directory, "taken") });
  const native = `127.0.0.1:${broker.port}`;
  const serve = (...more: string[]) => {
    return runSluice({ runtime, args: ["serve", "--data", join(directory, "other"), ...more] });
  };
  const taken = await serve("--native", native);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /EADDRINUSE, something listens there already: stop it, or choose/);
  const open = await serve("--native", "0.0.0.0:0");
  assert.equal(open.code, 2);
  assert.match(open.stderr, /0\.0\.0\.0 can be reached from other machines.*--insecure/s);
  const doctor = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["doctor", "--data", join(directory, "taken"), "--native", native],
  });
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /^ok\taddress\t.*: sluice\/\S+ answers there$/m);
  await broker.stop();
});

const isRoot = process.getuid?.() === 0 ? "root may write everywhere" : null;

testOrSkip("a directory that may not be written says whose it should be", isRoot, async () => {
  const data = join(directory, "mine");
  mkdirSync(data);
  chmodSync(data, 0o500);
  const refused = await runSluice({ runtime, args: ["serve", "--data", data] });
  chmodSync(data, 0o700);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /EACCES.*chown/s);
});

test("too few open files says how to have more", async () => {
  const args = ["serve", "--no-http", "--data", join(directory, "few"), "--native", "127.0.0.1:0"];
  const wrap = ["sh", "-c", 'ulimit -n 300; exec "$0" "$@"'];
  const refused = await runSluice({ runtime, args, wrap });
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /too few descriptors.*300.*ulimit -n, LimitNOFILE/);
});

test("data of a newer version is refused and not touched", async () => {
  const data = join(directory, "newer");
  const broker = await startBroker({ runtime, data });
  await broker.stop();
  const file = join(data, "catalogue");
  const before = readFileSync(file, "utf8");
  const newer = before.replace(/^sluice-catalogue \d+/, "sluice-catalogue 99");
  assert.notEqual(newer, before, "the format stands in the catalogue");
  writeFileSync(file, newer);
  for (const command of ["serve", "doctor"]) {
    const refused = await runSluice({ runtime, args: [command, "--data", data] });
    assert.equal(refused.code, 1, refused.stderr + refused.out);
    assert.match(refused.stderr + refused.out, /catalogue is of format 99.*use a newer version/);
  }
  assert.equal(readFileSync(file, "utf8"), newer);
});

test("the tools speak JSON, too", async () => {
  const data = join(directory, "tools");
  const broker = await startBroker({ runtime, data });
  await commands(broker)(["topic", "create", "t"]);
  await commands(broker)(["produce", "t"], { stdin: "a\nb\n" });
  await broker.stop();
  const run = async (...args: string[]) => {
    const { out, stderr } = await runSluice({ runtime: CLIENT_RUNTIME, args: [...args, "--json"] });
    assert.doesNotMatch(stderr, /a bug/);
    return out.trimEnd().split("\n").map((line) => JSON.parse(line));
  };
  const whole = await run("verify", data);
  assert.deepEqual(whole.length, 1);
  assert.equal(whole[0].summary.records, 2);
  const log = join(data, "t-0", "00000000000000000000.log");
  const bytes = readFileSync(log);
  bytes[70]! ^= 1;
  writeFileSync(log, bytes);
  const damaged = await run("verify", data);
  assert.ok(damaged.at(-1).summary.findings.damage > 0);
  assert.equal(damaged[0].severity, "damage");
  assert.match(damaged[0].path, /^t-0\//);
  const plan = await run("repair", data, "t-0");
  assert.ok(plan.length > 0 && plan.every(({ text }) => typeof text === "string"));
});
