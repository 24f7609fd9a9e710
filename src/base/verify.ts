/**
 * Switch for costly checks: poison what is given back, walk what should be ordered. On in every
 * test run (`SLUICE_VERIFY=1`), off in production, read once.
 */

export const VERIFY: boolean = verifyFromEnvironment();

function verifyFromEnvironment(): boolean {
  try {
    return process.env["SLUICE_VERIFY"] === "1";
  } catch {
    return false; // Deno without permission to read this name
  }
}
