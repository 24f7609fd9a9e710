/**
 * A few words for tests of the simulated disk: files under "/data" written with runs of one letter,
 * and contents spelled as runs, so that an outcome of the measured matrix is one line of text.
 *
 *     "A*10000 0*2288"      10,000 times "A", then 2,288 zeros
 */
import assert from "node:assert/strict";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  errnoName,
  O_CREAT,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
} from "../../ffi/constants.ts";
import type { DirectoryEntry } from "../../ffi/libc.ts";
import { type CrashKind, SimLibc, type SimOptions } from "./sim_libc.ts";

export const DATA = "/data";

export class DiskWorld {
  readonly libc: SimLibc;
  /** The open directory DATA. */
  data: number;

  constructor(options: SimOptions) {
    this.libc = new SimLibc(options);
    this.ok(this.libc.mkdirat(AT_FDCWD, DATA, 0o755));
    const root = this.ok(this.libc.openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0));
    this.ok(this.libc.fsync(root));
    this.ok(this.libc.close(root));
    this.data = this.#openData();
  }

  ok(result: number): number {
    if (result < 0) assert.fail("expected success, not " + errnoName(result));
    return result;
  }

  open(name: string, flags: number = O_RDWR | O_CREAT): number {
    return this.ok(this.libc.openat(this.data, name, flags, 0o644));
  }

  /** Writes `count` times `letter`. */
  fill(fd: number, letter: string, count: number, position: number): void {
    const memory = this.libc.allocate(count);
    memory.bytes.fill(letter.charCodeAt(0));
    assert.equal(this.libc.pwrite(fd, memory, 0, count, position), count);
  }

  /** Ends the process, and begins the next one with the data directory open. */
  crash(kind: CrashKind): void {
    this.libc.crash(kind);
    this.data = this.#openData();
  }

  bytes(name: string): Uint8Array {
    const fd = this.open(name, O_RDONLY);
    const status = this.libc.fileStatus();
    this.ok(this.libc.statx(fd, "", AT_EMPTY_PATH, status));
    const memory = this.libc.allocate(Math.max(1, status.size));
    assert.equal(this.libc.pread(fd, memory, 0, memory.size, 0), status.size);
    this.ok(this.libc.close(fd));
    return memory.bytes.subarray(0, status.size);
  }

  /** The content as runs; "none" where there is no such file, "empty" where it has no bytes. */
  spell(name: string): string {
    if (!this.names().includes(name)) return "none";
    const bytes = this.bytes(name);
    if (bytes.length === 0) return "empty";
    const runs: string[] = [];
    let start = 0;
    for (let i = 1; i <= bytes.length; i += 1) {
      if (i < bytes.length && bytes[i] === bytes[start]) continue;
      const letter = bytes[start] === 0 ? "0" : String.fromCharCode(bytes[start]!);
      runs.push(letter + "*" + String(i - start));
      start = i;
    }
    return runs.join(" ");
  }

  names(): string[] {
    const entries: DirectoryEntry[] = [];
    this.ok(this.libc.readDirectory(this.data, entries));
    return entries.map(({ name }) => name).sort();
  }

  #openData(): number {
    return this.ok(this.libc.openat(AT_FDCWD, DATA, O_RDONLY | O_DIRECTORY, 0));
  }
}
