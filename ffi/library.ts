/**
 * Where libc lies. By absolute path, because a scoped `deno run --allow-ffi=<path>` works only when
 * the library is opened by exactly that path.
 *
 * Invariant: an adapter tries the list in order and keeps the first that opens; SLUICE_LIBC, where
 * set, is the only one tried.
 */

import { ARCHITECTURE } from "./constants.ts";

/** Overrides the list below. */
export const LIBRARY_VARIABLE = "SLUICE_LIBC";

const CANDIDATES = {
  x64: [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    "/lib/ld-musl-x86_64.so.1",
  ],
  aarch64: [
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    "/lib/ld-musl-aarch64.so.1",
  ],
};

/** Paths to try. The last is left to the loader's own search, for layouts not known here. */
export function libraryCandidates(override: string | undefined): readonly string[] {
  if (override !== undefined && override !== "") return [override];
  return [...CANDIDATES[ARCHITECTURE], "libc.so.6"];
}

/** Opens the first candidate that can be opened; throws with the reason of each when none can. */
export function openLibrary<T>(candidates: readonly string[], open: (path: string) => T): T {
  const reasons: string[] = [];
  for (const path of candidates) {
    try {
      return open(path);
    } catch (error) {
      reasons.push(path + ": " + (error instanceof Error ? error.message : String(error)));
    }
  }
  throw new Error(
    "ffi: no libc could be opened; set " + LIBRARY_VARIABLE + "\n" + reasons.join("\n"),
  );
}
