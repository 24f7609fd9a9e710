/**
 * Which runtime serves and which one asks, in a test of the whole program. A file runs once under
 * each runtime, so the broker takes the runner's and the commands take the other: both directions
 * are covered, each once.
 */
import { currentRuntime, findRuntime, type RuntimeName } from "./runtimes.ts";

export const BROKER_RUNTIME: RuntimeName = currentRuntime() === "deno" ? "deno" : "bun";

/** On a machine with one runtime it serves and asks. */
export const CLIENT_RUNTIME: RuntimeName = otherRuntime();

/** For the names of tests and for figures. */
export const PAIR: string = `broker on ${BROKER_RUNTIME}, commands on ${CLIENT_RUNTIME}`;

function otherRuntime(): RuntimeName {
  const other = BROKER_RUNTIME === "bun" ? "deno" : "bun";
  return findRuntime(other) === null ? BROKER_RUNTIME : other;
}
