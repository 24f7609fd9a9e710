/**
 * What Deno reads before the first line of an entry runs: what that entry needs, and not what other
 * commands do. `import(later(…))` keeps it so, see src/base/later.ts; and what `serve` leads to.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { denoProject } from "../../scripts/runtime.mjs";
import { findRuntime, ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    /** `code`: loaded when the program runs; without it only its types are of use. */
    readonly dependencies?: readonly { readonly code?: { readonly specifier?: string } }[];
  }[];
}

/** The modules of an entry, by path from the root. */
function modulesOf(deno: string, entry: string): string[] {
  const args = ["info", "--json", ...denoProject(), join(ROOT, entry)];
  const { modules }: Graph = JSON.parse(execFileSync(deno, args, { encoding: "utf8" }));
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  const root = pathToFileURL(ROOT).href;
  const found = new Set([new URL(entry, root).href]);
  for (const name of found) {
    for (const { code } of byName.get(name)?.dependencies ?? []) {
      if (code?.specifier !== undefined) found.add(code.specifier);
    }
  }
  return [...found].map((name) => name.replace(root, ""));
}

/** The way of a `serve` that is plainly right: any module of `node:` costs Deno 35 ms and 6 MiB. */
const PLAIN_SERVE = ["src/cli/run_broker.ts", "src/server/worker.ts"];

const READ_BEFORE = {
  "src/main.ts": { wanted: "src/cli/plain_serve.ts", atMost: 10 },
  "src/cli/serve.ts": { wanted: "src/server/threads.ts", atMost: 8 },
  // The listeners alone: Hono and zod come with the first request.
  "src/admin/serve.ts": { wanted: "src/limits.ts", atMost: 16 },
} as const;

const path = findRuntime("deno");
const reason = path === null ? "Deno is not on this machine" : null;
testOrSkip("Deno is there to be asked what it reads", reason, () => {});

if (path !== null) {
  for (const [entry, { wanted, atMost }] of Object.entries(READ_BEFORE)) {
    test(`${entry} does not make Deno read what is wanted later`, () => {
      const modules = modulesOf(path, entry);
      assert.ok(modules.includes(wanted), modules.join(" "));
      assert.ok(modules.length <= atMost, modules.join(" "));
    });
  }
  for (const entry of PLAIN_SERVE) {
    test(`${entry} leads to nothing of node:`, () => {
      const modules = modulesOf(path, entry);
      assert.ok(modules.includes("src/limits.ts"), modules.join(" "));
      assert.deepEqual(modules.filter((name) => name.startsWith("node:")), []);
    });
  }
}
