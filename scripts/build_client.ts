/**
 * Builds the client for Node, which loads no TypeScript of a package: `npm run build:client`
 * writes JavaScript and types to dist/client, which git ignores.
 *
 *     src/client/mod.ts and what it imports -> tsc -> dist/client/**.js, .d.ts, package.json
 *
 * In the types the compiler leaves the names of the sources; they are changed to those of what was
 * written, as in the code.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { argumentsFor, chooseRuntime, DENO_SCRIPT_PERMISSIONS, ROOT } from "./runtime.mjs";

const OUTPUT = join(ROOT, "dist/client");
/** From this version on `process.getBuiltinModule` is there, which src/codec needs. */
const NODE_MIN = "20.16";

rmSync(OUTPUT, { recursive: true, force: true });
compile();
for (const file of globSync("**/*.d.ts", { cwd: OUTPUT })) renameImports(join(OUTPUT, file));
writePackage();
const count = globSync("**/*.js", { cwd: OUTPUT }).length;
process.stdout.write(`dist/client: ${count} modules, for Node ${NODE_MIN} and later\n`);

function compile(): void {
  const { name, path } = chooseRuntime();
  const compiler = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.client.json"];
  const args = [...argumentsFor(name, DENO_SCRIPT_PERMISSIONS), ...compiler];
  const result = spawnSync(path, args, { cwd: ROOT, stdio: "inherit" });
  if (result.status !== 0) process.exit(1);
}

function renameImports(path: string): void {
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll(/((?:from|import\() ?"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
}

function writePackage(): void {
  const { name, version, license, dependencies } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  );
  const types = "./client/mod.d.ts";
  const made = {
    name: `${name}-client`,
    version,
    license,
    type: "module",
    engines: { node: `>=${NODE_MIN}` },
    exports: { ".": { types, default: "./client/mod.js" } },
    types,
    dependencies: { snappyjs: dependencies.snappyjs },
  };
  writeFileSync(join(OUTPUT, "package.json"), `${JSON.stringify(made, null, 2)}\n`);
}
