/**
 * Whether a directory is a whole file system of its own, so that a `syncfs` there writes out
 * nobody else's files. Asked once at the start.
 *
 *     /proc/self/fdinfo/N    mnt_id:  29
 *     /proc/self/mountinfo   29 1 8:17 / /srv/data rw …        id parent device root mount-point …
 *
 * It is one when its mount is not its parent's, and shows the root of the file system. A volume of
 * a container, bound from a directory of the host's disk, is a mount with another root.
 *
 * Where `/proc` cannot be read, the answer is no.
 */

import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";

const READ_SIZE = 65536;
const FILE_SIZE_MAX = 4194304;
/** Before Linux 5.8 `syncfs` said 0 whatever the writes had said. */
const SYNCFS_ERRORS_SINCE: readonly [number, number] = [5, 8];

export function isOwnFileSystem(libc: Libc, directory: number): boolean {
  const parent = libc.openat(directory, "..", O_RDONLY | O_DIRECTORY, 0);
  if (parent < 0) return false;
  const [mount, above] = [mountOf(libc, directory), mountOf(libc, parent)];
  libc.close(parent);
  if (mount === "" || above === "" || mount === above) return false;
  return showsRoot(readText(libc, "/proc/self/mountinfo"), mount);
}

/** Whether `syncfs` on this kernel tells of writes that failed. */
export function reportsSyncfsErrors(libc: Libc): boolean {
  const [major, minor] = SYNCFS_ERRORS_SINCE;
  const found = /^(\d+)\.(\d+)/.exec(readText(libc, "/proc/sys/kernel/osrelease"));
  if (found === null) return false;
  const [here, point] = [Number(found[1]), Number(found[2])];
  return here > major || (here === major && point >= minor);
}

function mountOf(libc: Libc, fd: number): string {
  const found = /^mnt_id:\s*(\d+)$/m.exec(readText(libc, `/proc/self/fdinfo/${fd}`));
  return found?.[1] ?? "";
}

/** Whether the mount of this id shows its file system from the root on. */
export function showsRoot(mountinfo: string, mount: string): boolean {
  for (const line of mountinfo.split("\n")) {
    const [id, , , root] = line.split(" ");
    if (id === mount) return root === "/";
  }
  return false;
}

/** The whole file, or an empty text. Files of /proc have no size beforehand. */
function readText(libc: Libc, path: string): string {
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY, 0);
  if (fd < 0) return "";
  const memory = libc.allocate(READ_SIZE);
  const decoder = new TextDecoder();
  let text = "";
  for (let total = 0; total < FILE_SIZE_MAX;) {
    const read = libc.read(fd, memory, 0, READ_SIZE);
    if (read <= 0) break;
    text += decoder.decode(memory.bytes.subarray(0, read), { stream: true });
    total += read;
  }
  libc.close(fd);
  return text;
}
