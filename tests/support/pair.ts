/**
 * Which runtime serves and which one asks, in a test of the whole program. A file runs once under
 * each runtime, so the broker takes the runner's and the commands take the other: both directions
 * are covered, each once. An executable serves and asks.
 */
import { EXECUTABLE } from "./executable.ts";
import { currentRuntime, findRuntime, type RuntimeName } from "./runtimes.ts";

export const BROKER_RUNTIME: RuntimeName = EXECUTABLE?.runtime ??
  (currentRuntime() === "deno" ? "deno" : "bun");

/** On a machine with one runtime it serves and asks. */
export const CLIENT_RUNTIME: RuntimeName = otherRuntime();

/** For the names of tests and for figures. */
export const PAIR: string = EXECUTABLE === null
  ? `broker on ${BROKER_RUNTIME}, commands on ${CLIENT_RUNTIME}`
  : `executable of ${BROKER_RUNTIME}`;

function otherRuntime(): RuntimeName {
  if (EXECUTABLE !== null) return EXECUTABLE.runtime;
  const other = BROKER_RUNTIME === "bun" ? "deno" : "bun";
  return findRuntime(other) === null ? BROKER_RUNTIME : other;
}
