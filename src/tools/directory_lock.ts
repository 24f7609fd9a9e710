/** The lock on a data directory, for the tools that write: held, no broker starts in between. */

import {
  AT_EMPTY_PATH,
  EAGAIN,
  LOCK_EX,
  LOCK_NB,
  O_CREAT,
  O_NOFOLLOW,
  O_RDWR,
} from "../../ffi/constants.ts";
import { LOCK_FILE } from "../format/file_names.ts";
import { FILE_MODE, must } from "../log/files.ts";
import { listedHolder, type LockHolder, processText } from "../log/lock_holder.ts";
import { lockHolder, type Root, ToolError } from "./places.ts";

/** Throws ToolError where a broker works in the directory. */
export function refuseWhileHeld(root: Root): void {
  const holder = lockHolder(root);
  if (holder !== null) throw inUse(root, holder);
}

/** Takes the lock; closing the descriptor gives it back. Throws ToolError or StorageError. */
export function takeLock(root: Root): number {
  const { libc } = root;
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW;
  const fd = must(libc.openat(root.fd, LOCK_FILE, flags, FILE_MODE), `open ${LOCK_FILE}`);
  const locked = libc.flock(fd, LOCK_EX | LOCK_NB);
  if (locked === -EAGAIN) {
    libc.close(fd);
    throw inUse(root, lockHolder(root) ?? { kind: "sluice", pid: 0 });
  }
  const status = libc.fileStatus();
  const seen = locked < 0 ? locked : libc.statx(fd, "", AT_EMPTY_PATH, status);
  // Our own lock is of the other kind: one of Kafka's is looked for.
  const kafka = seen === 0 ? listedHolder(libc, status, "kafka") : null;
  if (seen < 0 || kafka !== null) libc.close(fd);
  if (kafka !== null) throw inUse(root, kafka);
  must(seen, `lock ${root.path}`);
  return fd;
}

function inUse(root: Root, { kind, pid }: LockHolder): ToolError {
  const broker = kind === "kafka" ? "Kafka" : "a broker";
  const who = processText(root.libc, pid);
  return new ToolError(
    `${root.path} is in use: ${broker} works in it${who === "" ? "" : ` (${who})`}`,
    pid === 0 ? "Stop it first." : `Stop it first: kill ${pid}.`,
  );
}
