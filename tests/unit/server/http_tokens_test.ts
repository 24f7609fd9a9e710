/** Token files: made once, for one user alone, and read again; a file that is none is refused. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, ENOSPC } from "../../../ffi/constants.ts";
import { setTraceSink } from "../../../src/base/trace.ts";
import { ADMIN_TOKEN_FILE, READ_TOKEN_FILE } from "../../../src/format/file_names.ts";
import { openDirectory, StorageError } from "../../../src/log/files.ts";
import { loadHttpTokens } from "../../../src/server/http_tokens.ts";
import { StartError } from "../../../src/server/start_error.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

function open(): { root: string; fd: number } {
  const root = temporaryDirectory("tokens");
  return { root, fd: openDirectory(libc, AT_FDCWD, root) };
}

test("two tokens are made, 0600, and found again", () => {
  const { root, fd } = open();
  const tokens = loadHttpTokens(libc, fd);
  assert.notEqual(tokens.admin, tokens.read);
  for (const token of [tokens.admin, tokens.read]) assert.match(token, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(readdirSync(root).sort(), [ADMIN_TOKEN_FILE, READ_TOKEN_FILE]);
  for (const name of readdirSync(root)) {
    assert.equal(statSync(join(root, name)).mode & 0o777, 0o600);
  }
  assert.equal(readFileSync(join(root, ADMIN_TOKEN_FILE), "utf8"), `${tokens.admin}\n`);
  assert.deepEqual(loadHttpTokens(libc, fd), tokens);
});

test("what an operator wrote is taken; what is no token is refused without being told", () => {
  const { root, fd } = open();
  const own = "an-operators-own-token-of-many-letters";
  writeFileSync(join(root, READ_TOKEN_FILE), own, { mode: 0o600 });
  assert.equal(loadHttpTokens(libc, fd).read, own);
  for (const wrong of ["", "short", "x".repeat(257), `${"x".repeat(32)} y`, "ü".repeat(40)]) {
    writeFileSync(join(root, ADMIN_TOKEN_FILE), wrong);
    assert.throws(() => loadHttpTokens(libc, fd), (error: unknown) => {
      return error instanceof StartError && error.message.startsWith(ADMIN_TOKEN_FILE) &&
        (wrong === "" || !error.message.includes(wrong));
    });
  }
  writeFileSync(join(root, ADMIN_TOKEN_FILE), own);
  assert.throws(() => loadHttpTokens(libc, fd), /hold the same token/);
});

test("a file that others can read is told", () => {
  const { root, fd } = open();
  loadHttpTokens(libc, fd);
  chmodSync(join(root, READ_TOKEN_FILE), 0o640);
  const traced: string[] = [];
  setTraceSink((_, message) => traced.push(message));
  loadHttpTokens(libc, fd);
  setTraceSink(() => {});
  assert.equal(traced.length, 1);
  assert.match(traced[0]!, /^http-read\.token can be read by other users/);
});

test("no room leaves nothing behind", () => {
  const { root, fd } = open();
  const faulty = new FaultyLibc(libc);
  faulty.failNth("pwrite", 1, -ENOSPC);
  assert.throws(() => loadHttpTokens(faulty.libc, fd), StorageError);
  assert.deepEqual(readdirSync(root), []);
});
