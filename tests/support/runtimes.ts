/**
 * The runtimes a test can start a broker under. What is known about them lives in
 * scripts/runtime.mjs; this file gives it to the tests under one name.
 */
import { findRuntime, type Runtime, type RuntimeName, RUNTIMES } from "../../scripts/runtime.mjs";
import { EXECUTABLE } from "./executable.ts";
import { testOrSkip } from "./skip.ts";

export {
  argumentsFor,
  currentRuntime,
  DENO_BROKER_PERMISSIONS,
  findRuntime,
  ROOT,
  type Runtime,
  type RuntimeName,
  RUNTIMES,
} from "../../scripts/runtime.mjs";

/**
 * The runtime's binary. Throws when it is missing: a test that can do without asks `findRuntime`.
 */
export function runtimePath(name: RuntimeName): string {
  const path = findRuntime(name);
  if (path === null) throw new Error(`${name} is not on this machine; run npm ci`);
  return path;
}

/**
 * The runtimes of this machine, or that of the executable under test, for suites that run once per
 * runtime. A missing one becomes a test that is skipped with the reason; so call this where tests
 * are registered.
 */
export function availableRuntimes(): Runtime[] {
  const found: Runtime[] = [];
  for (const name of EXECUTABLE === null ? RUNTIMES : [EXECUTABLE.runtime]) {
    const path = findRuntime(name);
    if (path !== null) found.push({ name, path });
    else testOrSkip(`everything here under ${name}`, "it is not on this machine", () => {});
  }
  return found;
}
