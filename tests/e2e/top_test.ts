/** `sluice top`: once, as JSON, in a pipe, and on a terminal that it leaves as it was. */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { onTerminal, terminalMissing, typedAt } from "../support/terminal.ts";
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
  const isBusy = (line: string): boolean => JSON.parse(line).all.recordsInPerSecond > 0;
  const ended = tryCommands(broker)(["top", "--interval", "1", "--json"], {
    started: (child) => {
      let text = "";
      child.stdout!.on("data", (piece: Uint8Array) => {
        text += String(piece);
        const lines = text.split("\n").slice(0, -1);
        if (lines.some(isBusy)) process.kill(child.pid!, "SIGINT");
        // A view that has none is one before them.
        else void sluice(["produce", "orders"], { stdin: "d\n".repeat(500) });
      });
    },
  });
  const { code, out, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.ok(out.trimEnd().split("\n").some(isBusy), out);
});

const missing = terminalMissing();
testOrSkip("a narrow terminal is painted, and given back at Ctrl-C", missing, async () => {
  const line = `trap : INT; stty cols 30 rows 10; sluice top --interval 1; echo "ended $?"`;
  const text = await onTerminal(line, broker.port, typedAt("TOPIC", "\x03"));
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
