/** What a worker of this program needs of its runtime, on Bun and Deno alike; and how it dies. */

import type { Libc } from "../../ffi/libc.ts";

export interface WorkerScope<In, Out> {
  onmessage: ((event: { data: In }) => void) | null;
  postMessage(message: Out): void;
}

const STDERR = 2;

/** One line on stderr, and the whole process ends at once, whatever its other threads do. */
export function die(libc: Libc, line: string, code: number): never {
  const text = new TextEncoder().encode(line + "\n");
  const memory = libc.allocate(text.length);
  memory.bytes.set(text);
  libc.write(STDERR, memory, 0, text.length);
  return libc.exit(code);
}
