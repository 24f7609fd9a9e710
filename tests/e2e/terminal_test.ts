/**
 * On a terminal: tables in columns, a bar that moves, and both out of the way of what is said at
 * the end, also when it is an error. The terminal is made by script(1).
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { startBroker } from "../support/broker.ts";
import { commands, programText } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const missing = spawnSync("script", ["--version"]).error === undefined
  ? null
  : "script is not installed (Debian: apt-get install bsdutils)";

/** What a terminal is sent while `line` runs; `seen` is called with what came so far, as it is. */
function onTerminal(
  line: string,
  broker: string,
  seen: (text: string) => void = () => {},
): Promise<string> {
  const code = `stty cols 80; sluice() { ${programText()} "$@"; }; ${line}`;
  const env = { ...process.env, NO_COLOR: "1", SLUICE_BROKER: broker, TERM: "xterm" };
  const child = spawn("script", ["-qefc", code, "/dev/null"], { cwd: ROOT, env });
  let text = "";
  child.stdout.on("data", (piece) => {
    text += piece;
    seen(text);
  });
  return new Promise((resolve) => child.on("close", () => resolve(text.replaceAll("\x1b", "ESC"))));
}

const BAR = /\rESC\[K[^\r\n]* MB\/s/;

testOrSkip(`tables, bars and errors on a terminal (${PAIR})`, missing, async () => {
  const data = join(temporaryDirectory("terminal"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const address = `127.0.0.1:${broker.port}`;
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  await sluice(["produce", "t"], { stdin: `${"x".repeat(999)}\n`.repeat(100_000) });
  const table = await onTerminal("sluice offsets", address);
  assert.match(table, /^TOPIC +PARTITION +START .*\r\nt +0 +0 +100000 /);
  for (const line of table.split("\r\n")) assert.ok(line.length <= 80, line);

  const file = join(data, "..", "copy");
  const whole = await onTerminal(`sluice consume t > ${file}`, address);
  assert.match(whole, BAR);
  assert.match(
    whole,
    /\rESC\[K100000 records, 100000000 bytes, .*\r\n$/,
    "in the place of the bar",
  );

  let isKilled = false;
  const cut = await onTerminal("sluice bench --seconds 600 --warm-up 0", address, (text) => {
    if (!isKilled && text.includes("s to go")) process.kill(broker.pid, "SIGKILL");
    isKilled ||= text.includes("s to go");
  });
  assert.match(cut, /\rESC\[Ksluice: /, "and an error in the place of what was going on");
  await broker.ended;
});
