/** Signals to what a test has started. */
import type { ChildProcess } from "node:child_process";
import process from "node:process";

/**
 * Not `child.kill`: Deno's then reports every end as one by that signal, also a clean exit with
 * code 0. A child that has ended is left alone, because its process id may be somebody else's by
 * now.
 */
export function signalChild(child: ChildProcess, signal: "SIGTERM" | "SIGKILL" | "SIGINT"): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(child.pid, signal);
  } catch {
    // It ended a moment ago.
  }
}
