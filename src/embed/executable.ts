/**
 * The executable that an embedded broker of Node runs in: which one, and whether it is ours.
 *
 *     `executable` of the options, SLUICE_EXECUTABLE -> that one, or an error
 *     Bun or Deno is there                           -> none
 *     neither is                                     -> `sluice` on the PATH, where it is a binary
 *
 * Invariant: what is started has said that it is of the version of this module.
 */

import { execFile } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { StartError } from "../server/start_error.ts";
import { VERSION } from "../version.ts";

const ELF = "\x7fELF";
const BUILD = "`npm run build` in a clone makes one, docs/EXECUTABLE.md";

/** The one that somebody named; "" where nobody did. */
export function namedExecutable(option: string | undefined): string {
  return option ?? process.env["SLUICE_EXECUTABLE"] ?? "";
}

/** The first `sluice` on the PATH that is a binary: the command of the npm package is a script. */
export function executableOnPath(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, "sluice")).find(isBinary) ?? null;
}

/** Throws StartError: it does not start, is no Sluice, or of another version. */
export async function checkExecutable(path: string): Promise<void> {
  const [first = ""] = (await versionOf(path)).split("\n");
  if (first === `sluice ${VERSION}`) return;
  if (!/^sluice \d/.test(first)) {
    throw new StartError(`${path} is no executable of Sluice; ${BUILD}`);
  }
  throw new StartError(
    `${path} is ${first}, and this package is ${VERSION}: take both of one version; ${BUILD}`,
  );
}

function versionOf(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(path, ["--version"], (error, stdout) => {
      // With a string there it has not begun: ENOENT, EACCES.
      if (typeof error?.code !== "string") return resolve(stdout);
      reject(new StartError(`${path} cannot be started (${error.code}); ${BUILD}`));
    });
  });
}

function isBinary(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    const fd = openSync(path, "r");
    const start = new Uint8Array(ELF.length);
    try {
      readSync(fd, start, 0, start.length, 0);
    } finally {
      closeSync(fd);
    }
    return String.fromCharCode(...start) === ELF;
  } catch {
    return false;
  }
}
