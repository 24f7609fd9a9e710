/**
 * What the environment says. Every read is guarded: under Deno with minimal permissions a name
 * that was not allowed counts as not set.
 */

import process from "node:process";

export function readEnvironment(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Whether a descriptor of this process is a terminal. */
export function isTerminal(stream: "stdin" | "stdout" | "stderr"): boolean {
  try {
    return process[stream].isTTY === true;
  } catch {
    return false;
  }
}

/** Columns of the terminal on stderr or stdout, or undefined when there is none. */
export function terminalColumns(stream: "stdout" | "stderr"): number | undefined {
  if (!isTerminal(stream)) return undefined;
  const columns = process[stream].columns;
  return Number.isInteger(columns) && columns >= 20 ? columns : undefined;
}
