/**
 * Bundles a program; runs under Bun, whose bundler it is: `bun run scripts/bundle_in_bun.ts PLAN`.
 * Started by bundle.ts, under whatever runtime that runs.
 *
 *     src/*.ts, packages -> source_rewrites -> Bun.build -> main.js worker.js … chunk-*.js
 *                                                       or  one executable, with bytecode
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { BundlePlan } from "./bundle.ts";
import { ROOT } from "./runtime.mjs";
import { readable } from "./source_rewrites.ts";

/** What is used of Bun, which Deno's checker has no types of. */
interface Bundler {
  build(plan: object): Promise<{ readonly success: boolean; readonly logs: readonly unknown[] }>;
}

interface Plugin {
  readonly name: string;
  setup(build: {
    onLoad(
      which: { readonly filter: RegExp },
      load: (module: { readonly path: string }) => Promise<{ contents: string; loader: "ts" }>,
    ): void;
  }): void;
}

const { Bun } = globalThis as unknown as { Bun: Bundler };

await main(JSON.parse(process.argv.at(-1) ?? "{}"));

async function main(plan: BundlePlan): Promise<void> {
  const entrypoints = plan.entries.map((entry) => join(ROOT, entry));
  const { success, logs } = await Bun.build({
    entrypoints,
    root: ROOT,
    naming: { entry: "[name].[ext]", chunk: "[name]-[hash].[ext]" },
    plugins: [rewriter(entrypoints)],
    format: "esm",
    // Each chunk is read when its first part is wanted, as modules are.
    splitting: true,
    define: {
      SLUICE_COMMIT: JSON.stringify(plan.commit),
      SLUICE_TARGET: JSON.stringify(plan.target),
    },
    ...(plan.runtime === "bun" ? { target: "bun" } : { target: "node", conditions: ["deno"] }),
    ...(plan.base === undefined ? { outdir: plan.output } : executable(plan, plan.base)),
  });
  for (const log of logs) process.stderr.write(`${log}\n`);
  if (!success) process.exit(1);
}

function executable({ target, output }: BundlePlan, base: string): object {
  return {
    bytecode: true,
    // Stacks name lines of our sources.
    sourcemap: "linked",
    compile: {
      outfile: output,
      target,
      executablePath: base,
      // Files that happen to lie where the broker is started are none of its settings.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  };
}

function rewriter(entries: readonly string[]): Plugin {
  return {
    name: "what a bundler cannot read",
    setup(build) {
      build.onLoad({ filter: /\/(src|ffi)\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const isOurs = path.startsWith(ROOT) && !path.includes("/node_modules/");
        return { contents: isOurs ? readable(path, source, entries) : source, loader: "ts" };
      });
    },
  };
}
