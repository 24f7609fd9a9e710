/**
 * Name and version of the program; a test compares it with package.json. What a bundle was made
 * from, the bundler puts in (scripts/bundle.ts).
 */

export const VERSION = "0.1.0";
export const PROGRAM: string = `sluice/${VERSION}`;

declare const SLUICE_COMMIT: string;
declare const SLUICE_TARGET: string;

/** Empty: these are the sources themselves. */
export const COMMIT: string = typeof SLUICE_COMMIT === "undefined" ? "" : SLUICE_COMMIT;
/** What the executable was made for, such as bun-linux-x64; empty: it is none. */
export const TARGET: string = typeof SLUICE_TARGET === "undefined" ? "" : SLUICE_TARGET;
