/**
 * The package.json of the npm package, made from that of the repository: what a program needs to
 * use Sluice, and nothing that only a clone needs.
 *
 * Invariant: name, version, licence and every dependency are those of the repository, each of one
 * exact version.
 */

/** The parts of the repository's package.json that are used. */
export interface RepositoryManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** What a tarball holds; npm adds package.json, README.md and LICENSE by itself. */
export const PACKAGE_FILES: readonly string[] = [
  "CHANGELOG.md",
  "completions",
  "docs",
  "ffi/**/*.js",
  "ffi/**/*.d.ts",
  "man",
  "scripts",
  "src/**/*.js",
  "src/**/*.d.ts",
];

/** From this version on `process.getBuiltinModule` is there, which src/codec needs. */
export const NODE_MIN = "20.16";

export function packageManifest(repository: RepositoryManifest): Record<string, unknown> {
  const { name, version, description, license, engines, dependencies } = repository;
  return {
    name,
    version,
    description,
    keywords: ["log", "broker", "queue", "stream", "kafka", "bun", "deno"],
    license,
    type: "module",
    engines: { ...engines, node: `>=${NODE_MIN}` },
    bin: { sluice: "scripts/run.mjs" },
    man: ["man/sluice.1"],
    exports: {
      ".": entry("embed"),
      "./client": entry("client/mod"),
      "./http": entry("client/http/mod"),
      "./package.json": "./package.json",
    },
    types: "./src/embed.d.ts",
    imports: { "#ffi": { bun: "./ffi/bun.js", deno: "./ffi/deno.js" } },
    files: PACKAGE_FILES,
    dependencies,
    optionalDependencies: bunOf(repository.optionalDependencies),
  };
}

function entry(path: string): { types: string; default: string } {
  return { types: `./src/${path}.d.ts`, default: `./src/${path}.js` };
}

/** One runtime is enough to run a broker; whoever has Deno has it already. */
function bunOf(packages: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(packages).filter(([name]) => name.startsWith("@oven/")));
}
