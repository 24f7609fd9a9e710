/** What the threads of another process are doing. Read by a program, as in process_state.ts. */
import { spawnSync } from "node:child_process";

/** Whether all of them have taken a SIGSTOP. */
export function isStopped(pid: number): boolean {
  const list = ["-c", 'cat /proc/"$1"/task/*/stat', "sh", String(pid)];
  const { stdout } = spawnSync("sh", list, { encoding: "utf8" });
  // "tid (name) state …"; a name may hold anything, also a bracket.
  const states = stdout.split("\n").filter((line) => line !== "")
    .map((line) => line.slice(line.lastIndexOf(")") + 2)[0]);
  return states.length > 0 && states.every((state) => state === "T");
}
