/**
 * Operational messages ("log" means the commit log here). A shard formats and hands them to its
 * sink, which posts to the main thread; the main thread gives them to LogTape (trace_log.ts).
 *
 * Invariant: until a sink is set nothing is said. This file loads no library, because every
 * worker loads it.
 */

export type TraceLevel = "debug" | "info" | "warning" | "error";
export type TraceSink = (level: TraceLevel, message: string) => void;

let sink: TraceSink = () => {};

/** One message, in words, with what it is about. */
export function trace(level: TraceLevel, message: string): void {
  sink(level, message);
}

/** Where this thread's messages go. */
export function setTraceSink(to: TraceSink): void {
  sink = to;
}
