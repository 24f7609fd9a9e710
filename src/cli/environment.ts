/**
 * What the environment says. Every read is guarded: under Deno with minimal permissions a name
 * that was not allowed counts as not set, and nobody is asked to allow it.
 */

import process from "node:process";

const PREFIX = "SLUICE_";
/**
 * Variables of this prefix that are no settings: which runtime and libc, costly checks, the file
 * with settings and what a client asks for by itself, and what only the tests read.
 */
const NO_SETTINGS = /^SLUICE_(RUNTIME|LIBC|VERIFY|CONFIG|TEST\w*|SKIP\w*|BENCH\w*|PEERS)$/;

export function readEnvironment(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** The variables SLUICE_… that may be settings, and are not empty. */
export function settingVariables(): Record<string, string> {
  const found: Record<string, string> = {};
  if (!mayListEnvironment()) return found;
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith(PREFIX) || NO_SETTINGS.test(name)) continue;
    if (value !== undefined && value !== "") found[name] = value;
  }
  return found;
}

interface DenoPermissions {
  readonly permissions: {
    querySync(descriptor: { readonly name: "env" }): { readonly state: string };
  };
}

/** Deno would ask somebody at a terminal, or throw. */
function mayListEnvironment(): boolean {
  if (!("Deno" in globalThis)) return true;
  const { permissions } = (globalThis as unknown as { Deno: DenoPermissions }).Deno;
  return permissions.querySync({ name: "env" }).state === "granted";
}

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
