/**
 * The npm package, in dist/package: `npm run build:package`. What npm publishes, what a tarball
 * holds, and what Node takes the client and the embedded broker from.
 *
 *     src, ffi -> tsc, module for module -> JavaScript, types of the entries
 *     command tables -> man/sluice.1, completions/        package.json -> package.json
 *
 * The modules lie as they do in the repository, and are not bundled: `sluice` and `sluice/client`
 * share their classes, and a line in a stack trace says where to look.
 *
 * Invariant: nothing in it is TypeScript but declarations, no module imports what is not there, and
 * the list of files is what `PACKAGE_FILES` says.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { commands } from "../src/cli/command_line.ts";
import { commandTree } from "../src/cli/command_tree.ts";
import { completionScript } from "../src/cli/completions.ts";
import { commitOfTree } from "./bundle.ts";
import { manPage } from "./man_page.ts";
import { packageManifest } from "./package_manifest.ts";
import { argumentsFor, chooseRuntime, DENO_SCRIPT_PERMISSIONS, ROOT } from "./runtime.mjs";

const OUTPUT = join(ROOT, "dist/package");
/** What programs may import. */
const ENTRIES = ["src/embed.d.ts", "src/client/mod.d.ts", "src/client/http/mod.d.ts"];
/** As they are in the repository. */
const COPIED = {
  "LICENSE": "LICENSE",
  "CHANGELOG.md": "CHANGELOG.md",
  "docs/PACKAGE.md": "README.md",
  "docs/CLI.md": "docs/CLI.md",
  "docs/CLIENT.md": "docs/CLIENT.md",
  "docs/EMBEDDED.md": "docs/EMBEDDED.md",
  "docs/HTTP.md": "docs/HTTP.md",
  "docs/OPERATIONS.md": "docs/OPERATIONS.md",
  "docs/PROTOCOL.md": "docs/PROTOCOL.md",
  "scripts/run.mjs": "scripts/run.mjs",
  "scripts/runtime.mjs": "scripts/runtime.mjs",
  "scripts/runtime.d.mts": "scripts/runtime.d.mts",
} as const;
const COMPLETIONS = { bash: "sluice.bash", zsh: "_sluice", fish: "sluice.fish" } as const;

rmSync(OUTPUT, { recursive: true, force: true });
compile();
for (const file of globSync("**/*.js", { cwd: OUTPUT })) renameModules(join(OUTPUT, file));
for (const file of globSync("**/*.d.ts", { cwd: OUTPUT })) renameImports(join(OUTPUT, file));
keepTypesOf(ENTRIES);
writeCommit(join(OUTPUT, "src/version.js"));
for (const [from, to] of Object.entries(COPIED)) copy(from, to);
const tree = commandTree(commands);
write("man/sluice.1", manPage(tree));
for (const [shell, file] of Object.entries(COMPLETIONS)) {
  write(`completions/${file}`, completionScript(shell as keyof typeof COMPLETIONS, tree));
}
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
write("package.json", `${JSON.stringify(packageManifest(manifest), null, 2)}\n`);
const count = globSync("**/*.js", { cwd: OUTPUT }).length;
process.stdout.write(`dist/package: ${count} modules; pack it with npm pack ./dist/package\n`);

function compile(): void {
  const { name, path } = chooseRuntime();
  const compiler = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.package.json"];
  const args = [...argumentsFor(name, DENO_SCRIPT_PERMISSIONS), ...compiler];
  const result = spawnSync(path, args, { cwd: ROOT, stdio: "inherit" });
  if (result.status !== 0) process.exit(1);
}

/** The compiler has renamed what is imported; not what is computed, and what workers begin with. */
function renameModules(path: string): void {
  const text = readFileSync(path, "utf8");
  const renamed = text
    .replaceAll(/\b(later|new URL)\("(\.{1,2}\/[^"]+)\.ts"/g, '$1("$2.js"')
    // It would do the same each time a module is imported, by a helper that is not there.
    .replaceAll(/__rewriteRelativeImportExtension\((path|verify|later\("[^"]+"\))\)/g, "$1");
  if (renamed !== text) writeFileSync(path, renamed);
}

function renameImports(path: string): void {
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll(/((?:from|import\() ?"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
}

/**
 * Types that no entry leads to are nobody's business. Where the package is not below node_modules,
 * Deno finds those of a module only if that says so.
 */
function keepTypesOf(entries: readonly string[]): void {
  const kept = new Set(entries);
  for (const file of kept) {
    const text = readFileSync(join(OUTPUT, file), "utf8");
    for (const [, specifier] of text.matchAll(/(?:from|import\() ?"(\.{1,2}\/[^"]+)\.js"/g)) {
      kept.add(`${join(dirname(file), specifier!)}.d.ts`);
    }
  }
  for (const file of globSync("**/*.d.ts", { cwd: OUTPUT })) {
    if (!kept.has(file)) rmSync(join(OUTPUT, file));
    else nameTypes(file);
  }
}

function nameTypes(file: string): void {
  const path = join(OUTPUT, file.replace(/\.d\.ts$/, ".js"));
  writeFileSync(path, `// @ts-self-types="./${basename(file)}"\n${readFileSync(path, "utf8")}`);
}

/** As the bundler does for an executable: `--version` says it. */
function writeCommit(path: string): void {
  const commit = JSON.stringify(commitOfTree());
  writeFileSync(path, `const SLUICE_COMMIT = ${commit};\n${readFileSync(path, "utf8")}`);
}

function copy(from: string, to: string): void {
  if (to.endsWith(".md")) return write(to, packagePage(to, readFileSync(join(ROOT, from), "utf8")));
  mkdirSync(dirname(join(OUTPUT, to)), { recursive: true });
  cpSync(join(ROOT, from), join(OUTPUT, to));
}

/** A page without its links to what is not in the package: what they say stays. */
function packagePage(file: string, text: string): string {
  const inside: readonly string[] = Object.values(COPIED);
  return text.replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, (link: string, said: string, to: string) => {
    const [path = ""] = to.split("#");
    const isThere = path === "" || path.includes(":") || inside.includes(join(dirname(file), path));
    return isThere ? link : `${said} of the repository`;
  });
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(OUTPUT, file)), { recursive: true });
  writeFileSync(join(OUTPUT, file), text);
}
