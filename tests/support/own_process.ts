/**
 * What the process of the test holds, by the kernel: /proc/self.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Open descriptors. The one it is read through is among them, each time. */
export function descriptorCount(): number {
  return readdirSync("/proc/self/fd").length;
}

/** The name of every thread. */
export function threadNames(): string[] {
  return readdirSync("/proc/self/task").flatMap((id) => {
    try {
      return [readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim()];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Threads that are Workers, as both runtimes name them: a shard and those beside it. */
export function workerCount(): number {
  return threadNames().filter((name) => /^worker(-\d+)?$/i.test(name)).length;
}
