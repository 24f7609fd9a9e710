/**
 * The main thread's way for operational messages: LogTape, the only library of `base`. An embedded
 * broker is silent unless its host configures LogTape (category "sluice").
 */

import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { TraceLevel } from "./trace.ts";

/** For a program of our own: messages of `info` and above go to `write`, a line each. */
export function configureTrace(write: (line: string) => void): void {
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(formatLine(record)) },
    loggers: [
      { category: ["sluice"], lowestLevel: "info", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
}

/** The sink of the main thread. */
export function traceToLogTape(level: TraceLevel, message: string): void {
  const logger = getLogger(["sluice"]);
  logger[level]("{message}", { message });
}

function formatLine(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const text = record.message.map((part) => String(part)).join("");
  return `${time} ${record.level} ${oneLine(text)}\n`;
}

/** Names that a client chose cannot forge a second line. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]/g, "?");
}
