/**
 * Who holds the lock of a data directory, as the kernel lists it: Sluice locks with flock(2), Kafka
 * with fcntl(2).
 *
 *     /proc/locks   1: POSIX  ADVISORY  WRITE 708 08:02:1312 0 EOF      kind, pid, inode
 *
 * The list does not show what runs in another container. A copy of a file system has the same
 * inodes, so the device counts too; where it is none of its own (btrfs), the list names another
 * than stat does, and the inode must do. What is found is only shown to people, with its command
 * line.
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import type { FileStatus, Libc } from "../../ffi/libc.ts";
import { readWhole } from "./files.ts";

const LOCKS = "/proc/locks";
const TEXT_SIZE_MAX = 1048576;
/**
 * Of a command line: how much of its start and of its end. What a runtime or a JVM runs stands
 * behind all of its flags.
 */
const SHOWN_START = 80;
const SHOWN_END = 160;

export interface LockHolder {
  readonly kind: "sluice" | "kafka";
  /** 0: not known. */
  readonly pid: number;
}

/** What stat says of the file that is locked. */
export type Locked = Pick<FileStatus, "inode" | "deviceMajor" | "deviceMinor">;

/** Who holds a lock on this file; `only` looks for one kind. */
export function listedHolder(
  libc: Libc,
  file: Locked,
  only: LockHolder["kind"] | null = null,
): LockHolder | null {
  return holderIn(systemText(libc, LOCKS), file, only);
}

const LINE = /^\d+: (FLOCK|POSIX|OFDLCK)\s+\S+\s+\S+\s+(\S+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s/gm;

export function holderIn(
  locks: string,
  { inode, deviceMajor, deviceMinor }: Locked,
  only: LockHolder["kind"] | null = null,
): LockHolder | null {
  for (const [, lock, pid, major = "", minor = "", number] of locks.matchAll(LINE)) {
    const kind = lock === "FLOCK" ? "sluice" : "kafka";
    if (Number(number) !== inode || (only !== null && only !== kind)) continue;
    const isSame = parseInt(major, 16) === deviceMajor &&
      (deviceMajor === 0 || parseInt(minor, 16) === deviceMinor);
    if (isSame) return { kind, pid: Math.max(0, Number(pid)) };
  }
  return null;
}

/** `process 708: deno run … serve`; empty where the pid is not known. */
export function processText(libc: Libc, pid: number): string {
  if (!(pid > 0)) return "";
  const words = systemText(libc, `/proc/${pid}/cmdline`).replace(/[^ -~]+/g, " ").trim();
  const shown = words.length > SHOWN_START + SHOWN_END
    ? `${words.slice(0, SHOWN_START)}…${words.slice(-SHOWN_END)}`
    : words;
  return shown === "" ? `process ${pid}` : `process ${pid}: ${shown}`;
}

/** A file of the kernel, or nothing. */
function systemText(libc: Libc, path: string): string {
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY, 0);
  if (fd < 0) return "";
  const memory = libc.allocate(TEXT_SIZE_MAX);
  const read = readWhole(libc, fd, memory, 0, TEXT_SIZE_MAX, 0);
  libc.close(fd);
  return new TextDecoder("latin1").decode(memory.bytes.slice(0, Math.max(0, read)));
}
