/**
 * Topics and records that are deleted stay deleted, whatever happens to the broker; a directory
 * that is not whole is refused; and a broker that lost its shard ends instead of going on.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import * as frames from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until, within } from "../support/until.ts";

function start(data: string): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data });
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join("");
}

/** The offset that a checkpoint file has for a partition. */
function checkpointed(data: string, file: string, topic: string): number {
  const text = readFileSync(join(data, file), "utf8");
  return Number(new RegExp(`^${topic} 0 (\\d+)$`, "m").exec(text)?.[1] ?? -1);
}

test("a deleted topic is gone for who uses it, for the disk and for the next start", async () => {
  const data = join(temporaryDirectory("topics"), "d");
  const broker = await start(data);
  const sluice = commands(broker);
  for (const name of ["a", "b"]) {
    await sluice(["topic", "create", name, "--partitions", "2"]);
    await sluice(["produce", name, "--partition", "0"], { stdin: lines(0, 5) });
  }
  const reader = await RawConnection.open(broker.port);
  const { handle } = await reader.ask("open_partition", { topic: "a", partition: 0 });
  await reader.send(frames.fetch(handle, 5, { maxWaitMs: 600000 }, 9));
  await reader.ask("ping", {});
  await sluice(["topic", "delete", "a"]);
  const parked = await within("the parked fetch", reader.reply());
  assert.deepEqual([parked.correlation, parked.code], [9, 20]);
  const again = await tryCommands(broker)(["topic", "delete", "a"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /There is no topic of this name: a/);
  await until("its files are removed", () => !readdirSync(data).some((name) => /^a-/.test(name)));
  assert.deepEqual(readdirSync(data).filter((name) => /^b-/.test(name)), ["b-0", "b-1"]);
  await sluice(["topic", "create", "a"]);
  await sluice(["produce", "a"], { stdin: "new\n" });
  await broker.kill();

  const next = await start(data);
  assert.equal((await commands(next)(["consume", "a"])).out, "new\n");
  assert.equal((await commands(next)(["consume", "b"])).out, lines(0, 5));
  assert.deepEqual(await next.stop(), { code: 0, signal: null }, next.stderr());
});

test("deleted records stay deleted, and the ends are in the checkpoints", async () => {
  const data = join(temporaryDirectory("records"), "d");
  let broker = await start(data);
  await commands(broker)(["topic", "create", "t"]);
  await commands(broker)(["produce", "t"], { stdin: lines(0, 10) });
  const deleted = await commands(broker)(["records", "delete", "t", "0", "4"]);
  assert.equal(deleted.out, "4\n");
  assert.equal(checkpointed(data, "log-start-offset-checkpoint", "t"), 4, "before it is answered");
  await broker.kill();

  broker = await start(data);
  assert.equal((await commands(broker)(["consume", "t"])).out, lines(4, 10));
  const refused = await tryCommands(broker)(["records", "delete", "t", "0", "11"]);
  assert.match(refused.stderr, /t-0 holds offsets 4 to 10/);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.equal(checkpointed(data, "recovery-point-offset-checkpoint", "t"), 10);

  broker = await start(data);
  const all = await commands(broker)(["records", "delete", "t", "0", "end"]);
  assert.equal(all.out, "10\n");
  assert.equal((await commands(broker)(["consume", "t"])).out, "");
  await commands(broker)(["produce", "t"], { stdin: "next\n" });
  assert.equal((await commands(broker)(["consume", "t", "--from", "10"])).out, "next\n");
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  const verified = await runSluice({ runtime: BROKER_RUNTIME, args: ["verify", data] });
  assert.equal(verified.code, 0, verified.out + verified.stderr);
});

test("records from a time on", async () => {
  const broker = await start(join(temporaryDirectory("time"), "d"));
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  await sluice(["produce", "t"], { stdin: lines(0, 3) });
  const from = (time: string) => sluice(["consume", "t", "--from", time]);
  assert.equal((await from("2001-09-09T01:46:40Z")).out, lines(0, 3));
  assert.equal((await from("2999-12-31T23:59:59.999Z")).out, "");
  await broker.stop();
});

test("a partition that is missing is refused by name, and nothing is changed", async () => {
  const data = join(temporaryDirectory("missing"), "d");
  const first = await start(data);
  await commands(first)(["topic", "create", "t", "--partitions", "2"]);
  await commands(first)(["produce", "t", "--partition", "1"], { stdin: "kept\n" });
  await first.stop();
  renameSync(join(data, "t-1"), join(data, "..", "elsewhere"));
  mkdirSync(join(data, "photos-0"));
  const args = ["serve", "--no-http", "--data", data, "--native", "127.0.0.1:0"];
  const refused = await runSluice({ runtime: BROKER_RUNTIME, args });
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /t-1 of topic t is missing: restore it from a copy/);
  assert.ok(!existsSync(join(data, "t-1")), "it was not made anew");
  assert.ok(existsSync(join(data, ".kafka_cleanshutdown")), "the stop before it still counts");
  renameSync(join(data, "..", "elsewhere"), join(data, "t-1"));
  const second = await start(data);
  assert.equal((await commands(second)(["consume", "t", "--partition", "1"])).out, "kept\n");
  assert.match(second.stderr(), /photos-0: a directory of no topic, it is left alone/);
  await second.stop();
  assert.ok(existsSync(join(data, "photos-0")));
});

test("a broker whose shard has stopped ends by itself, in one line", async () => {
  const data = join(temporaryDirectory("lost"), "d");
  const broker = await start(data);
  await commands(broker)(["topic", "create", "t"]);
  await commands(broker)(["produce", "t"], { stdin: "kept\n" });
  // Somebody who may open the socket is as good as the main thread.
  const socket = net.connect({ path: join(data, "run", "shard-0.sock") });
  socket.on("error", () => {}).write(frames.hello());
  socket.write(frames.control("stop", {}, 1));
  const ended = await within("the end of the broker", broker.ended);
  socket.destroy();
  assert.deepEqual(ended, { code: 70, signal: null });
  const said = broker.stderr().split("\n").filter((line) => line.startsWith("sluice: "));
  assert.equal(said.length, 1, broker.stderr());
  assert.match(said[0]!, /the broker cannot go on: .*shard-0\.sock was lost/);
  assert.doesNotMatch(broker.stderr(), /a bug|at .*\.ts:/);
  const again = await start(data);
  assert.equal((await commands(again)(["consume", "t"])).out, "kept\n");
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stderr());
});
