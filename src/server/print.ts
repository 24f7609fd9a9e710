/**
 * Text to a standard stream of the process, by libc, from any of its threads. Who is read by
 * nobody says nothing: a closed or full stream is no reason to fail.
 */

import type { Libc } from "../../ffi/libc.ts";

export const STDOUT = 1;
export const STDERR = 2;

export function print(libc: Libc, fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const memory = libc.allocate(bytes.length);
  memory.bytes.set(bytes);
  for (let at = 0; at < bytes.length;) {
    const written = libc.write(fd, memory, at, bytes.length - at);
    if (written <= 0) return;
    at += written;
  }
}
