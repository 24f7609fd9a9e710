/**
 * The broker under Deno with the fewest permissions it can live with serves the README's tour, and
 * without any one of them it does not start. FFI escapes Deno's sandbox: the flags hold for
 * dependencies that use Deno's own interfaces.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { libraryCandidates } from "../../ffi/library.ts";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { EXECUTABLE } from "../support/executable.ts";
import { findRuntime, ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The one that the broker opens: Deno compares paths as they are written. */
const LIBC = libraryCandidates(undefined).find((path) => existsSync(path));
const READY_WITHIN_MS = 30_000;

/** Everything, and nothing wider: libc, our own code, and the main thread's way to its shard. */
function minimal(data: string): string[] {
  const socket = join(data, "run/shard-0.sock");
  return [
    "--no-prompt",
    "--cached-only",
    `--allow-ffi=${LIBC}`,
    `--allow-read=${join(ROOT, "src")},${join(ROOT, "ffi")},${socket}`,
    `--allow-write=${socket}`,
    `--allow-net=unix:${socket}`,
  ];
}

testOrSkip("with minimal permissions Deno serves the tour", missing(), async () => {
  const data = join(temporaryDirectory("least"), "d");
  const broker = await startBroker({ runtime: "deno", data, permissions: minimal(data) });
  const sluice = commands(broker);
  const out = async (...args: readonly string[]) => (await sluice(args)).out;
  await sluice(["topic", "create", "orders"]);
  assert.match(await out("topic", "list"), /^orders\t1\t/);
  await sluice(["produce", "orders"], { stdin: "one\ntwo\nthree\n" });
  const file = join(ROOT, "README.md");
  await sluice(["produce", "orders", file]);
  const all = `one\ntwo\nthree\n${readFileSync(file, "utf8")}`;
  assert.equal(await out("consume", "orders"), all);
  assert.equal(await out("consume", "orders", "--from", "2"), all.slice("one\ntwo\n".length));
  const interval = ["--config", "durability=interval", "--config", "flush.ms=50"];
  await sluice(["topic", "create", "metrics", "--partitions", "4", ...interval]);
  await sluice(["topic", "create", "images", "--config", "max.message.bytes=2097152"]);
  await sluice(["produce", "metrics", "--partition", "3", file]);
  assert.equal(await out("consume", "metrics", "--partition", "3"), readFileSync(file, "utf8"));
  assert.match(await out("stats"), /^appended_records_total\t\d+$/m);
  await broker.kill();
  const again = await startBroker({ runtime: "deno", data, permissions: minimal(data) });
  assert.equal((await commands(again)(["consume", "orders"])).out, all);
  assert.equal((await tryCommands(again)(["consume", "nothing"])).code, 1);
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stderr());
});

testOrSkip("without any one of them it does not start", missing(), async () => {
  const all = minimal("");
  for (const [index, flag] of all.entries()) {
    if (!flag.startsWith("--allow-")) continue;
    const data = join(temporaryDirectory("less"), "d");
    for (const less of withoutEach(minimal(data)[index] ?? "")) {
      const permissions = minimal(data).toSpliced(index, 1, ...less);
      const start = startBroker({
        runtime: "deno",
        data,
        permissions,
        readyWithinMs: READY_WITHIN_MS,
      });
      const what = `${permissions.join(" ")} is enough`;
      await start.then(async (broker) => {
        await broker.kill();
        assert.fail(what);
      }, (error: Error) => assert.match(error.message, /Requires \w+ access|no libc/, what));
    }
  }
});

/** The flag with one of its values left out, for each of them. */
function withoutEach(flag: string): string[][] {
  const [name, values = ""] = flag.split("=");
  const parts = values.split(",");
  return parts.map((_, index) => {
    const rest = parts.toSpliced(index, 1);
    return rest.length === 0 ? [] : [`${name}=${rest.join(",")}`];
  });
}

function missing(): string | null {
  if (EXECUTABLE !== null) return "an executable has the permissions that it was made with";
  if (findRuntime("deno") === null) return "Deno is not on this machine";
  return LIBC === undefined ? "libc is in none of its usual places" : null;
}
