/**
 * Who holds the lock of a data directory, as the kernel lists it: Sluice locks with flock(2), Kafka
 * with fcntl(2).
 *
 *     /proc/locks   1: POSIX  ADVISORY  WRITE 708 08:02:1312 0 EOF      kind, pid, inode
 *
 * The list does not show what runs in another container. The device in it is not always the one
 * that stat tells, so the inode alone counts: what is found is shown to people, with its command
 * line, and nothing is done to it.
 */

import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { readWhole } from "./files.ts";

const LOCKS = "/proc/locks";
const TEXT_SIZE_MAX = 1048576;
/** Of a command line. */
const SHOWN_MAX = 240;

export interface LockHolder {
  readonly kind: "sluice" | "kafka";
  /** 0: not known. */
  readonly pid: number;
}

/** Who holds a lock on a file of this inode; `only` looks for one kind. */
export function listedHolder(
  libc: Libc,
  inode: number,
  only: LockHolder["kind"] | null = null,
): LockHolder | null {
  return holderIn(systemText(libc, LOCKS), inode, only);
}

export function holderIn(
  locks: string,
  inode: number,
  only: LockHolder["kind"] | null = null,
): LockHolder | null {
  const pattern = /^\d+: (FLOCK|POSIX|OFDLCK)\s+\S+\s+\S+\s+(\S+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/gm;
  for (const [, lock, pid, number] of locks.matchAll(pattern)) {
    const kind = lock === "FLOCK" ? "sluice" : "kafka";
    if (Number(number) !== inode || (only !== null && only !== kind)) continue;
    return { kind, pid: Math.max(0, Number(pid)) };
  }
  return null;
}

/** `process 708: deno run … serve`; empty where the pid is not known. */
export function processText(libc: Libc, pid: number): string {
  if (!(pid > 0)) return "";
  const words = systemText(libc, `/proc/${pid}/cmdline`).replace(/[^ -~]+/g, " ").trim();
  const shown = words.length > SHOWN_MAX ? `${words.slice(0, SHOWN_MAX)}…` : words;
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
