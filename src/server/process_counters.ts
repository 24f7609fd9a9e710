/**
 * What the kernel says of this process: CPU time, memory, threads. Read when somebody asks for
 * `stats`, from two small files of /proc, which never wait for a disk.
 *
 * Invariant: a number that the kernel does not give is left out, not told as 0.
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";

const FILE_SIZE = 4096;
/** Of /proc; the same on every Linux that there is. */
const TICK_MS = 10;
const decoder = new TextDecoder();

export class ProcessCounters {
  readonly #libc: Libc;
  #block: Memory | null = null;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  list(): { name: string; value: number }[] {
    const stat = this.#read("/proc/self/stat");
    const status = this.#read("/proc/self/status");
    const found: { name: string; value: number }[] = [];
    // The name of the program, in brackets, may hold blanks; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    if (Number.isSafeInteger(ticks)) {
      found.push({ name: "process_cpu_ms_total", value: ticks * TICK_MS });
    }
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(status);
    if (resident !== null) {
      found.push({ name: "process_resident_bytes", value: Number(resident[1]) * 1024 });
    }
    const threads = /^Threads:\s+(\d+)/m.exec(status);
    if (threads !== null) found.push({ name: "process_threads", value: Number(threads[1]) });
    return found;
  }

  /** Empty when it cannot be read. */
  #read(path: string): string {
    const fd = this.#libc.openat(AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0) return "";
    this.#block ??= this.#libc.allocate(FILE_SIZE);
    const size = this.#libc.read(fd, this.#block, 0, FILE_SIZE);
    this.#libc.close(fd);
    return decoder.decode(this.#block.bytes.subarray(0, Math.max(0, size)));
  }
}
