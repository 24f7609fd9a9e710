/**
 * What only the adapters promise, tried in processes of their own: exit, workers, a scoped
 * --allow-ffi, signals, and memory that the collector would take.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as constants from "../../ffi/constants.ts";
import { libraryCandidates, openLibrary } from "../../ffi/library.ts";
import { argumentsFor, currentRuntime, ROOT, runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const RUNTIME = currentRuntime() === "deno" ? "deno" : "bun";
const CHILD = fileURLToPath(new URL("./adapter_child.ts", import.meta.url));
const LIBRARY = libraryCandidates(undefined).find((path) => existsSync(path)) ?? "";
const ALLOW_ALL = ["--no-prompt", "--allow-all", "--no-check", "--v8-flags=--expose-gc"];
const root = temporaryDirectory("adapter");

interface Ended {
  readonly code: number | null;
  readonly said: string;
  readonly errors: string;
}

function command(mode: string, permissions: readonly string[]): string[] {
  const before = argumentsFor(RUNTIME, permissions);
  return [runtimePath(RUNTIME), ...before, CHILD, mode, root + "/" + mode];
}

function start(words: readonly string[], environment: Record<string, string> = {}): Ended {
  const [file, ...rest] = words;
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr } = spawnSync(file!, rest, { env, encoding: "utf8" });
  return { code: status, said: stdout.trim(), errors: stderr };
}

const CALLS = "10 10 true -20 0 -9";

test("calls work in a process of their own", () => {
  const { code, said, errors } = start(command("calls", ALLOW_ALL));
  assert.equal(said, CALLS, errors);
  assert.equal(code, 0);
});

test("a thread becomes nicer", () => {
  const { code, said, errors } = start(command("nice", ALLOW_ALL));
  assert.deepEqual([code, said], [0, "3"], errors);
});

test("exit ends the process with its code, and no handler runs", () => {
  const { code, said } = start(command("exit", ALLOW_ALL));
  assert.equal(said, "before");
  assert.equal(code, 7);
});

test("exit ends the whole process from a worker", () => {
  const { code, said } = start(command("exit-in-worker", ALLOW_ALL));
  assert.equal(said, "");
  assert.equal(code, 8);
});

test("each worker has an adapter of its own", () => {
  const { said, errors } = start(command("workers", ALLOW_ALL));
  assert.equal(said, [CALLS, CALLS, CALLS].join(", "), errors);
});

test("a vector keeps its memory alive through collections", () => {
  const { said, errors } = start(command("vectors", ALLOW_ALL));
  assert.equal(said, "wrong 0", errors);
});

test("errno is that of the call, under allocation pressure too", () => {
  const { said, errors } = start(command("errno", ALLOW_ALL));
  assert.equal(said, "wrong 0", errors);
});

test("with SIGXFSZ ignored a file at its limit is -EFBIG", () => {
  // Far above what Deno writes to its caches before the signal is ignored.
  const shell = ["/bin/sh", "-c", 'ulimit -f 1000000; exec "$@"', "sh"];
  const { said, errors } = start([...shell, ...command("limit", ALLOW_ALL)]);
  assert.equal(said, "pwrite -" + String(constants.EFBIG), errors);
});

test("SLUICE_LIBC names the library, and a wrong one is named in the error", () => {
  const right = start(command("calls", ALLOW_ALL), { SLUICE_LIBC: LIBRARY });
  assert.equal(right.said, CALLS, right.errors);
  const wrong = start(command("calls", ALLOW_ALL), { SLUICE_LIBC: "/no/such/libc.so.6" });
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.errors, /SLUICE_LIBC/);
  assert.match(wrong.errors, /\/no\/such\/libc\.so\.6/);
});

testOrSkip(
  "Deno needs no more than --allow-ffi for the one path of libc",
  RUNTIME === "deno" ? null : "Bun has no permissions",
  () => {
    const scoped = ["--no-prompt", "--no-check", "--allow-ffi=" + LIBRARY];
    const { said, errors } = start(command("calls", scoped));
    assert.equal(said, CALLS, errors);
    const workers = start(command("workers", [...scoped, "--allow-read=" + ROOT]));
    assert.equal(workers.said, [CALLS, CALLS, CALLS].join(", "), workers.errors);
    const elsewhere = start(command("calls", ["--no-prompt", "--allow-ffi=/tmp/other.so"]));
    assert.notEqual(elsewhere.code, 0);
    assert.match(elsewhere.errors, /no libc could be opened/);
  },
);

test("the first library that opens is taken, and all reasons are told when none does", () => {
  const tried: string[] = [];
  const open = (path: string): string => {
    tried.push(path);
    if (path !== "/b") throw new Error("not " + path);
    return "opened " + path;
  };
  assert.equal(openLibrary(["/a", "/b", "/c"], open), "opened /b");
  assert.deepEqual(tried, ["/a", "/b"]);
  assert.throws(() => openLibrary(["/a", "/c"], open), /\/a: not \/a\n\/c: not \/c/);
});

test("errnoName knows every errno constant, by either sign", () => {
  let known = 0;
  for (const [name, value] of Object.entries(constants)) {
    if (!/^E[A-Z0-9]+$/.test(name) || name.startsWith("EPOLL")) continue;
    assert.equal(constants.errnoName(value as number), name);
    assert.equal(constants.errnoName(-(value as number)), name);
    known += 1;
  }
  assert.ok(known > 50, "the errno constants were found");
  assert.equal(constants.errnoName(41), "errno 41");
  assert.equal(constants.errnoName(133), "EHWPOISON");
  assert.equal(constants.errnoName(0), "errno 0");
  assert.equal(constants.errnoName(9999), "errno 9999");
});
