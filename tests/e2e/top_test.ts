/** `sluice top`: once, as JSON, in a pipe, and on a terminal that it leaves as it was. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { commands, programText, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { FakeBroker } from "../unit/client/fake_broker.ts";

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("top"), "d"),
});
const sluice = commands(broker);
await sluice(["topic", "create", "orders"]);
await sluice(["produce", "orders"], { stdin: "a\nb\nc\n" });
await sluice(["group", "reset", "late", "orders", "--to", "beginning"]);

test("once: what happened between two looks, and the lag of groups", async () => {
  const { out } = await sluice(["top", "--once", "--interval", "1", "--json"]);
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const view = JSON.parse(lines[0]!);
  assert.ok(view.seconds >= 1);
  assert.deepEqual([view.connections, view.disk], [1, "ok"]);
  assert.equal(
    view.topics.find(({ topic }: { topic: string }) => topic === "orders")
      .recordsInPerSecond,
    0,
  );
  assert.deepEqual(view.groups, [{ group: "late", topic: "orders", lagRecords: 3 }]);
  const { out: text } = await sluice(["top", "--once", "--interval", "1"]);
  assert.match(text, /^sluice top 127\.0\.0\.1:\d+ {3}node 0/);
  assert.match(text, /\norders +0 +0 +0 +0\n/);
  assert.match(text, /\nlate +orders +3\n/);
  assert.ok(!text.includes("\x1b"), "a pipe is no terminal");
});

test("records that come meanwhile are seen, and a signal ends it well", async () => {
  const ended = tryCommands(broker)(["top", "--interval", "1", "--json"], {
    interruptAtBytes: 1,
    started: () => void sluice(["produce", "orders"], { stdin: "d\n".repeat(500) }),
  });
  const { code, out } = await ended;
  assert.equal(code, 0);
  const views = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(views.length >= 1);
});

const missing = spawnSync("script", ["--version"]).error === undefined
  ? null
  : "script is not installed (Debian: apt-get install bsdutils)";

testOrSkip("a narrow terminal is painted, and given back at Ctrl-C", missing, async () => {
  const code =
    `trap : INT; stty cols 30 rows 10; ${programText()} top --interval 1; echo "ended $?"`;
  const env = {
    ...process.env,
    NO_COLOR: "1",
    SLUICE_BROKER: `127.0.0.1:${broker.port}`,
    TERM: "xterm",
  };
  const child = spawn("script", ["-qefc", code, "/dev/null"], { cwd: ROOT, env });
  let text = "";
  let isAsked = false;
  child.stdout.on("data", (piece) => {
    text += piece;
    if (!isAsked && text.includes("TOPIC")) child.stdin.write("\x03");
    isAsked ||= text.includes("TOPIC");
  });
  await new Promise((resolve) => child.on("close", resolve));
  const shown = text.replaceAll("\x1b", "ESC");
  assert.match(shown, /ESC\[\?1049hESC\[\?25l/, "a screen of its own");
  const [painted = ""] = shown.split("ESC[H").slice(1);
  const lines = painted.split("ESC[J")[0]!.split(/\r?\n/).map((line) => line.replace("ESC[K", ""));
  assert.ok(lines.length <= 10, `${lines.length} lines`);
  for (const line of lines) assert.ok(line.length <= 30, line);
  assert.match(shown, /ESC\[\?25hESC\[\?1049l(\^C)?ended 0\r\n$/, "and the one before is back");
});

test("a broker that hangs is left at the first signal", async () => {
  const hanging = await FakeBroker.start();
  let interrupt = (): void => {};
  hanging.answer = ({ name }) => {
    if (name === "hello") return undefined;
    if (name === "stats") interrupt();
    return null;
  };
  const { code, stderr } = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["top", "--json"],
    env: { SLUICE_BROKER: `127.0.0.1:${hanging.address.port}` },
    started: ({ pid }) => (interrupt = () => process.kill(pid!, "SIGINT")),
  });
  assert.deepEqual([code, stderr], [0, ""]);
  await hanging.stop();
});

test("a broker that goes away is told", async () => {
  const ended = tryCommands(broker)(["top", "--interval", "1", "--json"], {
    started: (child) => child.stdout?.once("data", () => void broker.stop()),
  });
  const { code, stderr } = await ended;
  assert.equal(code, 1);
  assert.match(stderr, /^sluice: /);
});
