/**
 * Measures what `sluice doctor` judges: asks the kernel, and syncs a file of its own in the data
 * directory, which has no name any more while it is written.
 */

import {
  AT_FDCWD,
  ENOENT,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  RWF_NOWAIT,
} from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { KiB } from "../../base/units.ts";

const WRITE_SIZE: number = 4 * KiB;
const SYNCS = 100;
/** A disk that is this slow has said enough. */
const SYNCS_MS_MAX = 3000;
const AIO_REQUESTS = 8;
const TEXT_SIZE: number = 64 * KiB;
const NAME = ".sluice-doctor";

/** A file of the kernel, whole, or "". */
export function systemText(libc: Libc, path: string): string {
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY, 0);
  if (fd < 0) return "";
  const memory = libc.allocate(TEXT_SIZE);
  const size = libc.read(fd, memory, 0, TEXT_SIZE);
  libc.close(fd);
  return new TextDecoder().decode(memory.bytes.slice(0, Math.max(0, size)));
}

/** 0, or -errno of what makes an AIO context. */
export function probeAio(libc: Libc): number {
  const event = libc.eventfd(0, 0);
  if (event < 0) return event;
  const aio = libc.openAio(AIO_REQUESTS, event);
  const result = typeof aio === "number" ? aio : aio.close();
  libc.close(event);
  return Math.min(0, result);
}

export interface Place {
  /** The directory, or the nearest one above that is there. */
  readonly path: string;
  readonly fd: number;
  readonly isThere: boolean;
}

/** The directory to look at; -errno when it cannot be opened. */
export function openPlace(libc: Libc, path: string): Place | number {
  let at = path;
  for (;;) {
    const fd = libc.openat(AT_FDCWD, at, O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0) return { path: at, fd, isThere: at === path };
    if (fd !== -ENOENT) return fd;
    const slash = at.replace(/\/+$/, "").lastIndexOf("/");
    at = slash < 0 ? "." : slash === 0 ? "/" : at.slice(0, slash);
    if (at === path) return fd;
  }
}

export interface DiskProbe {
  /** Microseconds, sorted. */
  readonly latenciesUs: readonly number[];
  /** Results of a read that must not wait, and of cachestat. */
  readonly noWait: number;
  readonly cachestat: number;
}

/**
 * Writes and syncs in the directory until it has seen enough, or `hasEnd`; -errno when nothing can
 * be written there.
 */
export async function probeDisk(
  libc: Libc,
  directory: number,
  hasEnd: () => Promise<boolean>,
): Promise<DiskProbe | number> {
  libc.unlinkat(directory, NAME, 0);
  const fd = libc.openat(directory, NAME, O_RDWR | O_CREAT | O_EXCL, 0o600);
  if (fd < 0) return fd;
  libc.unlinkat(directory, NAME, 0);
  try {
    return await probeFile(libc, fd, hasEnd);
  } finally {
    libc.close(fd);
  }
}

async function probeFile(
  libc: Libc,
  fd: number,
  hasEnd: () => Promise<boolean>,
): Promise<DiskProbe | number> {
  const memory = libc.allocate(WRITE_SIZE);
  memory.bytes.fill(0x5a);
  const latenciesUs: number[] = [];
  const startMs = libc.monotonicMs();
  while (latenciesUs.length < SYNCS && libc.monotonicMs() - startMs < SYNCS_MS_MAX) {
    const position = latenciesUs.length * WRITE_SIZE;
    const written = libc.pwrite(fd, memory, 0, WRITE_SIZE, position);
    if (written < 0) return written;
    const beforeMs = libc.monotonicMs();
    const synced = libc.fdatasync(fd);
    if (synced < 0) return synced;
    latenciesUs.push((libc.monotonicMs() - beforeMs) * 1000);
    if (await hasEnd()) break;
  }
  const vector = libc.ioVector(1);
  vector.push(memory, 0, WRITE_SIZE);
  return {
    latenciesUs: latenciesUs.sort((a, b) => a - b),
    noWait: libc.preadv2(fd, vector, 0, RWF_NOWAIT),
    cachestat: libc.cachestat(fd, 0, WRITE_SIZE, libc.cacheStatus()),
  };
}
