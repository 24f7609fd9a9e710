/**
 * Operational messages ("log" means the commit log here). A shard formats and hands them to its
 * sink, which posts to the main thread; the main thread gives them to LogTape, the only library
 * of `base`.
 *
 * Invariant: until a sink is set nothing is said, so that an embedded broker is silent unless its
 * host configures LogTape (category "sluice").
 */

import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";

export type TraceLevel = "debug" | "info" | "warning" | "error";
export type TraceSink = (level: TraceLevel, message: string) => void;

let sink: TraceSink = traceToLogTape;

/** One message, in words, with what it is about. */
export function trace(level: TraceLevel, message: string): void {
  sink(level, message);
}

/** Where this thread's messages go. */
export function setTraceSink(to: TraceSink): void {
  sink = to;
}

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

function traceToLogTape(level: TraceLevel, message: string): void {
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
