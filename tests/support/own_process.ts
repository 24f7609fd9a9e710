/**
 * What the process of the test holds, by the kernel: /proc/self. Read through libc, because Deno
 * gives these files to nobody who has not all permissions.
 */
import { libc } from "#ffi";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import type { DirectoryEntry } from "../../ffi/libc.ts";

const NAME_SIZE = 32;
const scratch = libc.allocate(NAME_SIZE);

/** Open descriptors. The one it is read through is among them, each time. */
export function descriptorCount(): number {
  return namesIn("/proc/self/fd").length;
}

/** The name of every thread. */
export function threadNames(): string[] {
  return namesIn("/proc/self/task").flatMap((id) => {
    const fd = libc.openat(AT_FDCWD, `/proc/self/task/${id}/comm`, O_RDONLY, 0);
    if (fd < 0) return []; // it has ended meanwhile
    const size = libc.pread(fd, scratch, 0, NAME_SIZE, 0);
    libc.close(fd);
    return [new TextDecoder().decode(scratch.bytes.slice(0, Math.max(0, size))).trim()];
  });
}

/** Threads that are Workers, as both runtimes name them: a shard and those beside it. */
export function workerCount(): number {
  return threadNames().filter((name) => /^worker(-\d+)?$/i.test(name)).length;
}

function namesIn(path: string): string[] {
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  const entries: DirectoryEntry[] = [];
  libc.readDirectory(fd, entries);
  libc.close(fd);
  return entries.map(({ name }) => name).filter((name) => !name.startsWith("."));
}
