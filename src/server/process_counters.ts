/**
 * What the kernel says of this process: CPU time, memory, threads. Read when somebody asks for
 * `stats`, from one small file of /proc, which never waits for a disk. It stays open: to open it
 * takes longer than to read it.
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
const BRACKET = 0x29;
const BLANK = 0x20;
const DIGIT_0 = 0x30;

export class ProcessCounters {
  readonly #libc: Libc;
  readonly #block: Memory;
  /** Of `stat`; below 0: not open. */
  #fd = -1;
  /** 0: not asked yet; NaN: the kernel did not say. */
  #pageSize = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#block = libc.allocate(FILE_SIZE);
  }

  list(): { name: string; value: number }[] {
    if (this.#pageSize === 0) this.#pageSize = this.#readPageSize();
    if (this.#fd < 0) this.#fd = this.#open("/proc/self/stat");
    const stat = this.#read(this.#fd);
    // The name of the program, in brackets, may hold blanks.
    const start = stat.lastIndexOf(BRACKET) + 2;
    const ticks = field(stat, start, FieldAt.userTicks) + field(stat, start, FieldAt.systemTicks);
    return [
      { name: "process_cpu_ms_total", value: ticks * TICK_MS },
      {
        name: "process_resident_bytes",
        value: field(stat, start, FieldAt.residentPages) * this.#pageSize,
      },
      { name: "process_threads", value: field(stat, start, FieldAt.threads) },
    ].filter(({ value }) => Number.isSafeInteger(value));
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  #readPageSize(): number {
    const fd = this.#open("/proc/self/auxv");
    const auxv = this.#read(fd);
    if (fd >= 0) this.#libc.close(fd);
    const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.length);
    for (let at = 0; at + PAIR_SIZE <= auxv.length; at += PAIR_SIZE) {
      if (view.getUint32(at, true) === AT_PAGESZ) return view.getUint32(at + 8, true);
    }
    return NaN;
  }

  #open(path: string): number {
    return this.#libc.openat(AT_FDCWD, path, O_RDONLY, 0);
  }

  /** Empty when it cannot be read; valid until the next one. */
  #read(fd: number): Uint8Array {
    const size = fd < 0 ? 0 : this.#libc.pread(fd, this.#block, 0, FILE_SIZE, 0);
    return this.#block.bytes.subarray(0, Math.max(0, size));
  }
}

/** The decimal number between blanks, `index` blanks behind `start`; NaN: there is none. */
function field(bytes: Uint8Array, start: number, index: number): number {
  let at = start;
  for (let blanks = 0; blanks < index; blanks += 1) {
    const blank = bytes.indexOf(BLANK, at);
    if (blank < 0) return NaN;
    at = blank + 1;
  }
  let value = NaN;
  for (; at < bytes.length && bytes[at] !== BLANK; at += 1) {
    value = (Number.isNaN(value) ? 0 : value) * 10 + bytes[at]! - DIGIT_0;
  }
  return value;
}
