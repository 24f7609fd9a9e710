/**
 * Switch for costly checks: poison what is given back, walk what should be ordered. On in every
 * test run (`SLUICE_VERIFY=1`), off in production, read once.
 */

export const VERIFY: boolean = verifyFromEnvironment();

function verifyFromEnvironment(): boolean {
  // Not `process` on Deno: the first look at it loads all of its Node layer, in every thread.
  const { Deno } = globalThis as { Deno?: { env: { get(name: string): string | undefined } } };
  try {
    const value = Deno === undefined ? process.env["SLUICE_VERIFY"] : Deno.env.get("SLUICE_VERIFY");
    return value === "1";
  } catch {
    return false; // Deno without permission to read this name
  }
}
