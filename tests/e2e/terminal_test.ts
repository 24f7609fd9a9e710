/**
 * On a terminal: tables in columns, a bar that moves, and both out of the way of what is said at
 * the end, also when it is an error. The terminal is made by script(1).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { onTerminal, terminalMissing } from "../support/terminal.ts";

/** What a terminal of 80 columns is sent while `line` runs, with its escapes to be read. */
async function onScreen(
  line: string,
  port: number,
  seen: (text: string) => void = () => {},
): Promise<string> {
  return (await onTerminal(`stty cols 80; ${line}`, port, seen)).replaceAll("\x1b", "ESC");
}

const BAR = /\rESC\[K[^\r\n]* MB\/s/;

testOrSkip(`tables, bars and errors on a terminal (${PAIR})`, terminalMissing(), async () => {
  const data = join(temporaryDirectory("terminal"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  await sluice(["produce", "t"], { stdin: `${"x".repeat(999)}\n`.repeat(100_000) });
  const table = await onScreen("sluice offsets", broker.port);
  assert.match(table, /^TOPIC +PARTITION +START .*\r\nt +0 +0 +100000 /);
  for (const line of table.split("\r\n")) assert.ok(line.length <= 80, line);

  const file = join(data, "..", "copy");
  const whole = await onScreen(`sluice consume t > ${file}`, broker.port);
  assert.match(whole, BAR);
  assert.match(
    whole,
    /\rESC\[K100000 records, 100000000 bytes, .*\r\n$/,
    "in the place of the bar",
  );

  let isKilled = false;
  const cut = await onScreen("sluice bench --seconds 600 --warm-up 0", broker.port, (text) => {
    if (!isKilled && text.includes("s to go")) process.kill(broker.pid, "SIGKILL");
    isKilled ||= text.includes("s to go");
  });
  assert.match(cut, /\rESC\[Ksluice: /, "and an error in the place of what was going on");
  await broker.ended;
});
