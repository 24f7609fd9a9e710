/**
 * The credentials of the HTTP door: two files in the data directory, made at the first start that
 * needs them and readable by the broker's user alone. Who holds a file's content is let in; who
 * wants another one removes the file and starts the broker anew, or writes one.
 *
 *     <data>/http-admin.token   may do everything      43 characters of 32 random bytes
 *     <data>/http-read.token    may look
 *
 * Invariant: a token is in no argument, no message and no setting; only in its file and in memory.
 */

import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import { ADMIN_TOKEN_FILE, READ_TOKEN_FILE } from "../format/file_names.ts";
import { must, readSmallFile, replaceFile } from "../log/files.ts";
import { StartError } from "./start_error.ts";

const TOKEN_BYTES = 32;
const TOKEN_MODE = 0o600;
/** Of others than the owner. */
const OTHERS = 0o077;
/** What an operator may write instead: long enough, and harmless in a header. */
const TOKEN = /^[A-Za-z0-9._~+/-]{32,256}$/;

export interface HttpTokens {
  readonly admin: string;
  readonly read: string;
}

/**
 * Reads the tokens in the open data directory; makes those that are not there, durably. Throws
 * StorageError, and StartError for a file that holds no token.
 */
export function loadHttpTokens(libc: Libc, directory: number): HttpTokens {
  const admin = loadToken(libc, directory, ADMIN_TOKEN_FILE);
  const read = loadToken(libc, directory, READ_TOKEN_FILE);
  if (admin === read) {
    throw new StartError(`${READ_TOKEN_FILE} and ${ADMIN_TOKEN_FILE} hold the same token`);
  }
  return { admin, read };
}

function loadToken(libc: Libc, directory: number, name: string): string {
  const found = readSmallFile(libc, directory, name);
  if (found === null) return makeToken(libc, directory, name);
  const token = new TextDecoder().decode(found).trim();
  if (!TOKEN.test(token)) {
    throw new StartError(
      `${name} holds no token: remove it, and the next start makes one; or write 32 to 256 ` +
        "letters, digits and . _ ~ + / -",
    );
  }
  warnOfOthers(libc, directory, name);
  return token;
}

function makeToken(libc: Libc, directory: number, name: string): string {
  const memory = libc.allocate(TOKEN_BYTES);
  must(libc.getrandom(memory, 0, TOKEN_BYTES), "getrandom");
  const token = base64Url(memory.bytes.subarray(0, TOKEN_BYTES));
  replaceFile(libc, directory, name, new TextEncoder().encode(`${token}\n`), null, TOKEN_MODE);
  return token;
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function warnOfOthers(libc: Libc, directory: number, name: string): void {
  const status = libc.fileStatus();
  if (libc.statx(directory, name, 0, status) < 0 || (status.mode & OTHERS) === 0) return;
  trace("warning", `${name} can be read by other users: chmod 600, and make a new token`);
}
