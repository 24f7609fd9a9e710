/**
 * The npm package as `npm pack` makes it: what is in it, and that it can be used as it is. What
 * needs a registry, an installation elsewhere, is in `package_gate.ts`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { VERSION } from "../../src/version.ts";
import { buildPackage, PACKAGE } from "../support/built_package.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { ROOT, runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";

buildPackage();

/** What belongs: every file of the package is one of these, and each of these is there. */
const BELONGS = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^(src|ffi)\/[\w/]+\.js$/,
  /^(src|ffi)\/[\w/]+\.d\.ts$/,
  /^scripts\/(run\.mjs|runtime\.mjs|runtime\.d\.mts)$/,
  /^docs\/(CLI|CLIENT|EMBEDDED|HTTP|OPERATIONS|PROTOCOL)\.md$/,
  /^man\/sluice\.1$/,
  /^completions\/(sluice\.bash|_sluice|sluice\.fish)$/,
];

const npm = spawnSync("npm", ["--version"]).status === 0 ? null : "npm is not on this machine";

interface Packed {
  readonly files: readonly { readonly path: string }[];
  readonly size: number;
  readonly unpackedSize: number;
}

function packed(): Packed {
  const { stdout, stderr } = spawnSync("npm", ["pack", "--dry-run", "--json", PACKAGE], {
    encoding: "utf8",
  });
  assert.notEqual(stdout, "", stderr);
  const [only] = Object.values<Packed>(JSON.parse(stdout)); // a list, or by name
  return only!;
}

testOrSkip("it lists what belongs, and nothing else", npm, () => {
  const { files, size, unpackedSize } = packed();
  const paths = files.map(({ path }) => path);
  assert.deepEqual(paths.filter((path) => !BELONGS.some((shape) => shape.test(path))), []);
  for (const shape of BELONGS) assert.ok(paths.some((path) => shape.test(path)), String(shape));
  // A module for each of ours that is not types alone.
  const sources = globSync("{src,ffi}/**/*.ts", { cwd: ROOT })
    .filter((path) => !path.endsWith(".d.ts"))
    .map((path) => path.replace(/\.ts$/, ".js"));
  const modules = paths.filter((path) => /^(src|ffi)\/.*\.js$/.test(path));
  assert.deepEqual(modules.sort(), sources.sort());
  const [packedMb, unpackedMb] = [size, unpackedSize].map((bytes) => (bytes / 1e6).toFixed(2));
  figure(`${paths.length} files, ${packedMb} MB, unpacked ${unpackedMb} MB`, "the npm package");
});

testOrSkip("a clone is not packed by mistake", npm, () => {
  const { status, stderr } = spawnSync("npm", ["pack", "--dry-run"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.notEqual(status, 0);
  assert.match(stderr, /npm run build:package, then npm pack \.\/dist\/package/);
});

test("its modules import what is there: each other, packages it names, Node's own", () => {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  const files = globSync("**/*.{js,mjs,d.ts}", { cwd: PACKAGE });
  const all = new Set(files);
  const used = new Set<string>();
  for (const file of files) {
    const text = readFileSync(join(PACKAGE, file), "utf8").replaceAll(/^ *\*.*$/gm, "");
    for (const [, imported, worker] of text.matchAll(IMPORT)) {
      const specifier = imported ?? worker;
      if (/^(node:|bun:|#ffi$)/.test(specifier!)) continue;
      if (specifier!.startsWith(".")) {
        const path = join(dirname(file), specifier!);
        const target = file.endsWith(".d.ts") ? path.replace(/\.js$/, ".d.ts") : path;
        assert.ok(all.has(target), `${file} imports ${specifier}`);
        continue;
      }
      const name = /^(@[^/]+\/)?[^/]+/.exec(specifier!)![0];
      assert.ok(name in dependencies, `${file} imports ${specifier}`);
      used.add(name);
    }
    assert.doesNotMatch(text, /__rewriteRelativeImportExtension/, file);
  }
  // What `@hono/zod-openapi` wants beside it is a dependency, too.
  const peers = ["hono", "zod"];
  const unused = Object.keys(dependencies).filter((name) => !used.has(name));
  assert.deepEqual(unused.filter((name) => !peers.includes(name)), []);
});

/** Static, and computed ones whose name is written out. */
const IMPORT =
  /(?:^(?:import|export)\b[^;]*? from |\b(?:import|later)\()"([^"]+)"|\bnew URL\("([^"]+\.js)"/gm;

test("its pages link to what is in it", () => {
  const pages = globSync("**/*.md", { cwd: PACKAGE });
  let links = 0;
  for (const page of pages) {
    const text = readFileSync(join(PACKAGE, page), "utf8");
    for (const [, path] of text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)) {
      readFileSync(join(PACKAGE, dirname(page), path!));
      links += 1;
    }
  }
  assert.ok(links > 10);
  const operations = readFileSync(join(PACKAGE, "docs/OPERATIONS.md"), "utf8");
  assert.match(operations, /EXECUTABLE\.md of the repository/);
});

test("its package.json is that of the repository, without what only a clone needs", () => {
  const repository = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  for (const key of ["name", "version", "license", "dependencies"]) {
    assert.deepEqual(manifest[key], repository[key], key);
  }
  for (const key of ["private", "scripts", "devDependencies"]) assert.ok(!(key in manifest), key);
  assert.deepEqual(
    Object.keys(manifest.optionalDependencies),
    Object.keys(repository.optionalDependencies).filter((name) => name.startsWith("@oven/")),
  );
  const paths = [
    ...Object.values(manifest.bin),
    ...manifest.man,
    ...Object.values(manifest.imports["#ffi"]),
    ...["src/embed", "src/client/mod", "src/client/http/mod"].flatMap((
      path,
    ) => [`${path}.js`, `${path}.d.ts`]),
  ];
  for (const path of paths) readFileSync(join(PACKAGE, String(path)));
});

test("it says its version and the commit", () => {
  const words = [join(PACKAGE, "scripts/run.mjs"), "--version"];
  // The package's own way of starting; what it needs is found in the clone above it.
  const { status, stdout, stderr } = spawnSync(runtimePath(BROKER_RUNTIME), [
    ...(BROKER_RUNTIME === "bun" ? [] : ["run", "-A", "--no-config", "--node-modules-dir=manual"]),
    ...words,
  ], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.ok(stdout.startsWith(`sluice ${VERSION}\n`), stdout);
  assert.match(stdout, /^commit {3}([0-9a-f]{12}\+?|unknown)$/m);
});

const man = spawnSync("man", ["--version"]).status === 0 ? null : "man is not on this machine";
testOrSkip("its manual page is one that man takes without a warning", man, () => {
  const page = join(PACKAGE, "man/sluice.1");
  const { status, stdout, stderr } = spawnSync("man", ["--warnings", "-E", "UTF-8", "-l", page], {
    encoding: "utf8",
    env: { ...process.env, MANWIDTH: "80", LC_ALL: "C.UTF-8" },
  });
  assert.equal(status, 0);
  assert.equal(stderr, "");
  assert.match(stdout, /^NAME\n +sluice - a log broker/m);
});

for (
  const [shell, file] of [["bash", "sluice.bash"], ["zsh", "_sluice"], ["fish", "sluice.fish"]]
) {
  const reason = spawnSync(shell!, ["--version"]).status === 0
    ? null
    : `${shell} is not on this machine`;
  testOrSkip(`its completions for ${shell} are a script of it`, reason, () => {
    const { status, stderr } = spawnSync(shell!, ["-n", join(PACKAGE, "completions", file!)], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
  });
}
