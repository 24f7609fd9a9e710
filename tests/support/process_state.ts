/**
 * What Linux says of a running process. Read by programs of the system, because Deno wants every
 * permission there is for /proc, and the tests do not have them.
 */
import { execFileSync, spawnSync } from "node:child_process";

/** The open descriptors, each as `number -> what it is`. */
export function descriptors(pid: number): string[] {
  // It complains of one that was closed while it looked; the others are listed all the same.
  const { stdout } = spawnSync("ls", ["-l", `/proc/${pid}/fd`], { encoding: "utf8" });
  return stdout.split("\n").map((line) => line.split(/\s+/).slice(8).join(" "))
    .filter((line) => line !== "");
}

/** Peak of the memory it ever held, in bytes. */
export function peakMemory(pid: number): number {
  const status = execFileSync("cat", [`/proc/${pid}/status`], { encoding: "utf8" });
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Memory that the process alone holds and has touched, in bytes. */
export function residentMemory(pid: number): number {
  const status = execFileSync("cat", [`/proc/${pid}/status`], { encoding: "utf8" });
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
