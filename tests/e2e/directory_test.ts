/**
 * Who may use a data directory: one broker at a time, ours and no other's; and what a stop leaves
 * for the next start.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, type BrokerOptions, runSluice, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { descriptors } from "../support/process_state.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { within } from "../support/until.ts";

const CLEAN_MARKER = ".kafka_cleanshutdown";
const UNIX_PATH_MAX = 107;

test("a second broker of either runtime is refused by name, the first goes on", async () => {
  const data = join(temporaryDirectory("two"), "d");
  const first = await start({ data });
  const sluice = commands(first);
  await sluice(["topic", "create", "t"]);
  await sluice(["produce", "t"], { stdin: "before\n" });
  for (const runtime of [BROKER_RUNTIME, CLIENT_RUNTIME]) {
    const second = await expectRefused({ runtime, data });
    assert.ok(second.includes(data), second);
    assert.match(second, new RegExp(`in use by another broker \\(process ${first.pid}: .* serve`));
    assert.match(second, new RegExp(`stop it \\(kill ${first.pid}\\), or choose another --data`));
  }
  await sluice(["produce", "t"], { stdin: "after\n" });
  assert.equal((await sluice(["consume", "t"])).out, "before\nafter\n");
  assert.deepEqual(await first.stop(), { code: 0, signal: null }, first.stderr());
  assert.ok(existsSync(join(data, CLEAN_MARKER)));
});

test("a directory that is not ours is refused and stays as it is", async () => {
  const data = temporaryDirectory("foreign");
  mkdirSync(join(data, "photographs"));
  writeFileSync(join(data, "thesis.txt"), "do not touch");
  const before = snapshot(data);
  const said = await expectRefused({ runtime: BROKER_RUNTIME, data });
  assert.match(said, /not a Sluice data directory/);
  assert.ok(said.includes(data) && said.includes("photographs"), said);
  assert.deepEqual(snapshot(data), before);
});

test("--no-init refuses an absent and an empty directory, and serves our own", async () => {
  const parent = temporaryDirectory("noinit");
  const absent = join(parent, "absent");
  const flags = ["--no-init"];
  const saidAbsent = await expectRefused({ runtime: BROKER_RUNTIME, data: absent, flags });
  assert.ok(saidAbsent.includes(`${absent} does not exist`), saidAbsent);
  assert.ok(!existsSync(absent), "it was not made");
  const empty = join(parent, "empty");
  mkdirSync(empty);
  const saidEmpty = await expectRefused({ runtime: BROKER_RUNTIME, data: empty, flags });
  assert.ok(saidEmpty.includes(`${empty} is empty`), saidEmpty);
  assert.deepEqual(readdirSync(empty), []);
  await (await start({ data: empty })).stop();
  const broker = await start({ data: empty, flags });
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a directory that init made is served with --no-init, and never made anew", async () => {
  const data = join(temporaryDirectory("init"), "d");
  const init = (...args: string[]) =>
    runSluice({ runtime: CLIENT_RUNTIME, args: ["init", ...args] });
  const made = await init(data, "--json");
  assert.deepEqual(JSON.parse(made.out), { directory: data, made: true });
  assert.deepEqual([made.code, made.stderr], [0, `${data} is a data directory now\n`]);
  const broker = await start({ data, flags: ["--no-init"] });
  assert.equal(await nodeEpoch(broker), 0, "what init made was closed cleanly");
  await commands(broker)(["topic", "create", "t"]);
  await broker.kill();

  const before = new Map(
    readdirSync(data).map((name) => [name, statSync(join(data, name)).mtimeMs]),
  );
  const again = await init(data, "--json");
  assert.deepEqual(JSON.parse(again.out), { directory: data, made: false });
  assert.match(again.stderr, /already: nothing was done/);
  const after = new Map(
    readdirSync(data).map((name) => [name, statSync(join(data, name)).mtimeMs]),
  );
  assert.deepEqual(after, before);

  const foreign = temporaryDirectory("foreign");
  writeFileSync(join(foreign, "letter.txt"), "mine");
  const refused = await init(foreign);
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /is not a Sluice data directory/);
  assert.deepEqual(readdirSync(foreign), ["letter.txt"]);
});

test("a clean stop is known at the next start, a kill is counted", async () => {
  const data = join(temporaryDirectory("clean"), "d");
  const first = await start({ data });
  await commands(first)(["topic", "create", "t"]);
  await commands(first)(["produce", "t"], { stdin: "one\ntwo\n" });
  assert.equal(await nodeEpoch(first), 0);
  assert.deepEqual(await first.stop(), { code: 0, signal: null }, first.stderr());
  assert.ok(existsSync(join(data, CLEAN_MARKER)), "marked as clean");

  const second = await start({ data, runtime: CLIENT_RUNTIME });
  assert.ok(!existsSync(join(data, CLEAN_MARKER)), "the mark is gone while it serves");
  assert.equal(await nodeEpoch(second), 0, "the stop was clean");
  assert.equal((await commands(second)(["consume", "t"])).out, "one\ntwo\n");
  await second.kill();
  assert.ok(!existsSync(join(data, CLEAN_MARKER)));

  const third = await start({ data });
  assert.equal(await nodeEpoch(third), 1, "the kill was counted");
  assert.equal((await commands(third)(["consume", "t"])).out, "one\ntwo\n");
  await third.stop();
});

test("a stop answers those who wait, and refuses what comes later", async () => {
  const broker = await start({ data: join(temporaryDirectory("stop"), "d") });
  await commands(broker)(["topic", "create", "t"]);
  const waiting = await RawConnection.open(broker.port);
  const { handle } = await waiting.ask("open_partition", { topic: "t", partition: 0 });
  const wanted = { handle, maxBytes: 1024, minBytes: 1, maxWaitMs: 600000, offset: 0 };
  const parked = waiting.ask("fetch", wanted);
  const bystander = await RawConnection.open(broker.port);
  await bystander.ask("ping", {});
  const stopped = broker.stop();
  assert.equal((await within("the parked fetch", parked)).batches.length, 0);
  assert.deepEqual(await within("the end", stopped), { code: 0, signal: null }, broker.stderr());
  await bystander.expectEnd();
  const late = await tryCommands(broker)(["ping"]);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /no connection to a broker/);
});

test("a data path too long for a Unix socket", async () => {
  const data = join(temporaryDirectory("long"), "d".repeat(UNIX_PATH_MAX), "data");
  mkdirSync(join(data, ".."), { recursive: true });
  const broker = await start({ data });
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  await sluice(["produce", "t"], { stdin: "far away\n" });
  assert.equal((await sluice(["consume", "t"])).out, "far away\n");
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  const again = await start({ data });
  assert.equal((await commands(again)(["consume", "t"])).out, "far away\n");
  const left = runDirectoryOf(again);
  await again.kill();
  assert.ok(existsSync(left), "a kill leaves it behind");
  const third = await start({ data });
  assert.ok(!existsSync(left), "the next start removes it");
  const own = runDirectoryOf(third);
  await third.stop();
  assert.ok(!existsSync(own), "a stop does so itself");
  const flags = ["--run-dir", join(data, "run")];
  const said = await expectRefused({ runtime: BROKER_RUNTIME, data, flags });
  assert.match(said, /over 107 bytes.*--run-dir/s);
});

test("a port in use is said, and the directory stays clean and usable", async () => {
  const data = join(temporaryDirectory("port"), "d");
  const first = await start({ data });
  await commands(first)(["topic", "create", "t"]);
  await commands(first)(["produce", "t"], { stdin: "kept\n" });
  await first.stop();

  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as net.AddressInfo;
  const native = `127.0.0.1:${port}`;
  const said = await expectRefused({ runtime: BROKER_RUNTIME, data, native });
  assert.ok(said.includes(native) && said.includes("EADDRINUSE"), said);
  taken.close();

  const second = await start({ data, native });
  assert.equal(second.port, port);
  assert.equal(await nodeEpoch(second), 0, "a start that was refused is no crash");
  assert.equal((await commands(second)(["consume", "t"])).out, "kept\n");
  await second.stop();
});

test("an address or a directory that cannot be had is told in words", async () => {
  const data = join(temporaryDirectory("words"), "d");
  const flags = ["--insecure"];
  const away = { runtime: BROKER_RUNTIME, data, native: "192.0.2.1:0" };
  const notHere = await expectRefused({ ...away, flags });
  assert.match(notHere, /192\.0\.2\.1.*EADDRNOTAVAIL/s);
  const orphan = join(data, "no", "parent");
  const noParent = await expectRefused({ runtime: BROKER_RUNTIME, data: orphan });
  assert.ok(noParent.includes(orphan), noParent);
  const file = join(temporaryDirectory("words"), "file");
  writeFileSync(file, "");
  const isFile = await expectRefused({ runtime: BROKER_RUNTIME, data: file });
  assert.ok(isFile.includes(file), isFile);
});

/** The directory under /tmp that it holds by a lock. */
function runDirectoryOf(broker: Broker): string {
  const found = descriptors(broker.pid).map((line) =>
    / -> (\/tmp\/sluice-[0-9a-f-]{36})$/.exec(line)
  )
    .find((match) => match !== null);
  assert.ok(found !== undefined, "it has one");
  return found![1]!;
}

function start(options: Omit<BrokerOptions, "runtime"> & Partial<BrokerOptions>): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, ...options });
}

/** The command ends by itself, in words and not as a bug; gives back what it said. */
async function expectRefused(options: BrokerOptions): Promise<string> {
  const { runtime, data, native = "127.0.0.1:0", flags = [] } = options;
  const args = ["serve", "--data", data, "--native", native, ...flags];
  const ended = await runSluice({ runtime, args, withinMs: 20_000 });
  assert.equal(ended.code, 1, `code ${ended.code}, ${ended.signal}: ${ended.out}${ended.stderr}`);
  assert.equal(ended.out, "", "it never said that it is ready");
  assert.doesNotMatch(ended.stderr, /a bug/);
  return ended.stderr;
}

async function nodeEpoch(broker: Broker): Promise<number> {
  const connection = await RawConnection.open(broker.port);
  const { nodeEpoch } = await connection.ask("hello", {
    protocol: 1,
    clientName: "epoch",
    token: "",
  });
  connection.close();
  return nodeEpoch;
}

/** Names, times of change and contents of everything in a directory. */
function snapshot(directory: string): unknown {
  // Without its parent, where others come and go.
  const listed = [["-ld"], ["-lAR"]].map((options) => {
    return execFileSync("ls", [...options, "--time-style=full-iso", directory]).toString();
  });
  const contents = readdirSync(directory).filter((name) => statSync(join(directory, name)).isFile())
    .map((name) => readFileSync(join(directory, name), "utf8"));
  return { listed, contents };
}
