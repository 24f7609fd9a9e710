/**
 * `sluice top`: what a broker is doing, again and again, until Ctrl-C.
 *
 *     on a terminal   a screen that is painted over, and the one before it back at the end
 *     in a pipe       one block of lines after the other
 *     --json          an object a line
 *
 * Invariant: the terminal is as it was, however the command ends.
 */

import process from "node:process";
import { Admin } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { safe, safeJson } from "../tools/text.ts";
import { withBroker } from "./broker_connection.ts";
import { isTerminal, mayColor, terminalColumns } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import type { TopCommand } from "./node_commands.ts";
import { printText } from "./output.ts";
import { pause, watchSignals } from "./signals.ts";
import { takeSample } from "./top/sample.ts";
import { screenLines, type ScreenSize } from "./top/screen.ts";
import { type View, viewOf } from "./top/view.ts";

/** A second screen, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Where nothing says how large the screen is. */
const COLUMNS = 100;
const ROWS = 24;

export async function top(command: TopCommand): Promise<ExitCode> {
  return await withBroker(command, (connection) => watch(command, connection, watchSignals()));
}

async function watch(
  command: TopCommand,
  connection: Connection,
  signal: AbortSignal,
): Promise<ExitCode> {
  const paints = !command.once && !command.json && isTerminal("stdout");
  const admin = new Admin(connection);
  // A broker that hangs answers no look: without this only a second signal would end it, at once.
  signal.addEventListener("abort", () => connection.close(), { once: true });
  if (paints) await printText(ENTER);
  try {
    let before = await takeSample(admin);
    do {
      await pause(command.seconds * 1000, signal);
      if (signal.aborted) break;
      const now = await takeSample(admin);
      await show(command, connection, viewOf(before, now), paints);
      before = now;
    } while (!command.once);
    return ExitCode.success;
  } catch (error) {
    if (!signal.aborted) throw error;
    return ExitCode.success;
  } finally {
    if (paints) await printText(LEAVE);
  }
}

async function show(
  { json }: TopCommand,
  { address, broker }: Connection,
  view: View,
  paints: boolean,
): Promise<void> {
  if (json) return await printText(`${safeJson({ time: new Date().toISOString(), ...view })}\n`);
  const time = new Date().toISOString().slice(11, 19);
  const title = safe(`sluice top ${address}   node ${broker.nodeId}   ${time} UTC`);
  const size = paints ? screenSize() : { columns: columnsOf(), rows: Infinity };
  const lines = screenLines(view, title, size, mayColor("stdout"));
  if (!paints) return await printText(`${lines.join("\n")}\n\n`);
  // The last line has no end: it would scroll the screen.
  const painted = lines.map((line) => `${line}${CLEAR_LINE}`).join("\n");
  await printText(`${HOME}${painted}${CLEAR_BELOW}`);
}

function screenSize(): ScreenSize {
  const { columns, rows } = process.stdout;
  return { columns: columns > 0 ? columns : COLUMNS, rows: rows > 0 ? rows : ROWS };
}

/** A pipe has no width. */
function columnsOf(): number {
  return isTerminal("stdout") ? terminalColumns("stdout") ?? COLUMNS : Infinity;
}
