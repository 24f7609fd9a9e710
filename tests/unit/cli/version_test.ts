/** `sluice --version`: the commit of the sources, however git keeps it. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { commitOfSources } from "../../../src/cli/version.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const SHORT = COMMIT.slice(0, 12);

function clone(files: Readonly<Record<string, string>>): URL {
  const root = temporaryDirectory("clone");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return pathToFileURL(`${root}/`);
}

test("a branch, loose or packed, and no branch", () => {
  const head = "ref: refs/heads/main\n";
  const loose = { ".git/HEAD": head, ".git/refs/heads/main": `${COMMIT}\n` };
  assert.equal(commitOfSources(clone(loose)), SHORT);
  const lines = `# pack-refs\n${"f".repeat(40)} refs/heads/other\n${COMMIT} refs/heads/main\n`;
  const packed = { ".git/HEAD": head, ".git/packed-refs": lines };
  assert.equal(commitOfSources(clone(packed)), SHORT);
  assert.equal(commitOfSources(clone({ ".git/HEAD": `${COMMIT}\n` })), SHORT);
});

test("a worktree names the directory of its clone", () => {
  const root = clone({
    "tree/.git": "gitdir: ../.git/worktrees/tree\n",
    ".git/worktrees/tree/HEAD": "ref: refs/heads/topic\n",
    ".git/worktrees/tree/commondir": "../..\n",
    ".git/refs/heads/topic": `${COMMIT}\n`,
  });
  assert.equal(commitOfSources(new URL("tree/", root)), SHORT);
});

test("where git has none", () => {
  assert.equal(commitOfSources(clone({})), "unknown");
  assert.equal(commitOfSources(clone({ ".git/HEAD": "ref: refs/heads/main\n" })), "unknown");
  assert.equal(commitOfSources(clone({ ".git/HEAD": "nothing of the kind" })), "unknown");
});
