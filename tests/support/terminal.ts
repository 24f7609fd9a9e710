/** A terminal for commands, made by script(1). */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { programText } from "./commands.ts";
import { ROOT } from "./runtimes.ts";

/** Why there can be none here, or null. */
export function terminalMissing(): string | null {
  if (spawnSync("script", ["--version"]).error === undefined) return null;
  return "script is not installed (Debian: apt-get install bsdutils)";
}

/**
 * What a terminal is sent while a line of shell runs, in which `sluice` is the program and talks to
 * the broker at this port. `seen` is called with what came so far, and with the process, whose
 * standard input is what is typed.
 */
export function onTerminal(
  line: string,
  port: number,
  seen: (text: string, child: ChildProcess) => void = () => {},
): Promise<string> {
  const code = `sluice() { ${programText()} "$@"; }; ${line}`;
  const more = { NO_COLOR: "1", SLUICE_BROKER: `127.0.0.1:${port}`, TERM: "xterm" };
  const env = { ...process.env, ...more };
  const child = spawn("script", ["-qefc", code, "/dev/null"], { cwd: ROOT, env });
  let text = "";
  child.stdout.on("data", (piece) => {
    text += piece;
    seen(text, child);
  });
  return new Promise((resolve) => child.on("close", () => resolve(text)));
}

/** Types `keys` once, when `cue` has come. */
export function typedAt(cue: string, keys: string): (text: string, child: ChildProcess) => void {
  let isTyped = false;
  return (text, child) => {
    if (isTyped || !text.includes(cue)) return;
    isTyped = true;
    child.stdin!.write(keys);
  };
}
