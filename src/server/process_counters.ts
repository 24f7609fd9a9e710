/**
 * What the kernel says of this process: CPU time, memory, threads. Read when somebody asks for
 * `stats`, from one small file of /proc, which never waits for a disk.
 *
 *     /proc/self/stat    "4711 (bun) S 1 … utime stime … threads … pages of memory …"
 *     /proc/self/auxv    how large a page is; read once
 *
 * Invariant: a number that the kernel does not give is left out, not told as 0.
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";

const FILE_SIZE = 4096;
/** Of /proc; the same on every Linux that there is. */
const TICK_MS = 10;
/** Fields of `stat` from behind the name of the program on, which is the second. */
const FieldAt = { userTicks: 11, systemTicks: 12, threads: 17, residentPages: 21 } as const;
/** Of `auxv`: pairs of a key and a value, both u64 as the machine has them. */
const AT_PAGESZ = 6;
const PAIR_SIZE = 16;
const decoder = new TextDecoder();

export class ProcessCounters {
  readonly #libc: Libc;
  #block: Memory | null = null;
  /** 0: not asked yet; NaN: the kernel did not say. */
  #pageSize = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  list(): { name: string; value: number }[] {
    if (this.#pageSize === 0) this.#pageSize = this.#readPageSize();
    const stat = decoder.decode(this.#read("/proc/self/stat"));
    // The name of the program, in brackets, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[FieldAt.userTicks]) + Number(fields[FieldAt.systemTicks]);
    return [
      { name: "process_cpu_ms_total", value: ticks * TICK_MS },
      {
        name: "process_resident_bytes",
        value: Number(fields[FieldAt.residentPages]) * this.#pageSize,
      },
      { name: "process_threads", value: Number(fields[FieldAt.threads]) },
    ].filter(({ value }) => Number.isSafeInteger(value));
  }

  #readPageSize(): number {
    const auxv = this.#read("/proc/self/auxv");
    const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.length);
    for (let at = 0; at + PAIR_SIZE <= auxv.length; at += PAIR_SIZE) {
      if (view.getUint32(at, true) === AT_PAGESZ) return view.getUint32(at + 8, true);
    }
    return NaN;
  }

  /** Empty when it cannot be read; valid until the next one. */
  #read(path: string): Uint8Array {
    const fd = this.#libc.openat(AT_FDCWD, path, O_RDONLY, 0);
    this.#block ??= this.#libc.allocate(FILE_SIZE);
    if (fd < 0) return this.#block.bytes.subarray(0, 0);
    const size = this.#libc.read(fd, this.#block, 0, FILE_SIZE);
    this.#libc.close(fd);
    return this.#block.bytes.subarray(0, Math.max(0, size));
  }
}
