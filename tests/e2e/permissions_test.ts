/**
 * The broker under Deno with the fewest permissions it can live with serves the README's tour.
 * FFI escapes Deno's sandbox: the flags hold for dependencies that use Deno's own interfaces.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { CLIENT_RUNTIME } from "../support/pair.ts";
import { findRuntime, ROOT } from "../support/runtimes.ts";
import { skipped } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LIBC = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
].find((path) => existsSync(path));

test("the broker serves with minimal permissions under Deno", async () => {
  if (findRuntime("deno") === null) return skipped("minimal permissions", "Deno is not here");
  if (LIBC === undefined) return skipped("minimal permissions", "libc is in none of its places");
  const data = join(temporaryDirectory("least"), "d");
  const socket = `${data}/run/shard-0.sock`;
  const permissions = [
    "--no-prompt",
    "--cached-only",
    `--allow-ffi=${LIBC}`,
    `--allow-read=${ROOT},${socket}`,
    `--allow-write=${socket}`,
    `--allow-net=unix:${socket}`,
    "--allow-env=SLUICE_LIBC,SLUICE_VERIFY",
  ];
  const env = { SLUICE_LIBC: LIBC };
  const broker = await startBroker({ runtime: "deno", data, permissions, env });
  const at = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  const sluice = async (args: readonly string[], stdin = "") => {
    const result = await runSluice({ runtime: CLIENT_RUNTIME, args, env: at, stdin });
    assert.equal(result.code, 0, result.stderr);
    return result.out;
  };
  await sluice(["topic", "create", "orders", "--partitions", "2"]);
  assert.match(await sluice(["topic", "list"]), /orders/);
  await sluice(["produce", "orders", "--partition", "1"], "one\ntwo\nthree");
  assert.equal(await sluice(["consume", "orders", "--partition", "1"]), "one\ntwo\nthree\n");
  assert.equal(await sluice(["consume", "orders", "--partition", "1", "--from", "2"]), "three\n");
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});
