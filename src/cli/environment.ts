/** What is known of the terminal that the command may run in. */

import process from "node:process";
import { readEnvironment } from "./variables.ts";

/** Whether a descriptor of this process is a terminal. */
export function isTerminal(stream: "stdin" | "stdout" | "stderr"): boolean {
  try {
    return process[stream].isTTY === true;
  } catch {
    return false;
  }
}

/** Whether text on a terminal may be coloured: NO_COLOR says no, whatever its value. */
export function mayColor(stream: "stdout" | "stderr"): boolean {
  return isTerminal(stream) && (readEnvironment("NO_COLOR") ?? "") === "";
}

/** Columns of the terminal on stderr or stdout, or undefined when there is none. */
export function terminalColumns(stream: "stdout" | "stderr"): number | undefined {
  if (!isTerminal(stream)) return undefined;
  const columns = process[stream].columns;
  return Number.isInteger(columns) && columns >= 20 ? columns : undefined;
}
