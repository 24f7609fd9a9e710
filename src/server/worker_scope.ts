/** What a worker of this program needs of its runtime, on Bun and Deno alike; and how it dies. */

import type { Libc } from "../../ffi/libc.ts";
import { print, STDERR } from "./print.ts";

export interface WorkerScope<In, Out> {
  onmessage: ((event: { data: In }) => void) | null;
  postMessage(message: Out): void;
}

/** How the process ends, as in the table of the command line: a bug, and a disk that fails. */
export const EXIT_SOFTWARE = 70;
export const EXIT_IO = 74;

/** One line on stderr, and the whole process ends at once, whatever its other threads do. */
export function die(libc: Libc, line: string, code: number): never {
  print(libc, STDERR, line + "\n");
  return libc.exit(code);
}
