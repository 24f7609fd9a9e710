/**
 * The bill of materials of the npm package and the executables, in CycloneDX 1.5: every package
 * that a run of Sluice can load, and the runtimes that are optional dependencies, as the lock file
 * pins them. `npm sbom` would list what happens to be installed on this machine instead.
 *
 *     package-lock.json -> without what only development needs -> components, and who needs whom
 *
 * Invariant: it depends on the lock file alone: the same one gives the same bill.
 */

/** A package in a lock file of version 3. */
interface LockedPackage {
  readonly name?: string;
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export function billOfMaterials({ packages }: LockFile): Record<string, unknown> {
  const root = packages[""]!;
  const listed = Object.entries(packages).filter(([path, { dev }]) => {
    // Deno's binaries are for clones: the package does not depend on them.
    return path !== "" && dev !== true && !nameOf(path).startsWith("@deno/");
  });
  const places = new Map(listed);
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { ...component(root.name ?? "", root), type: "application" } },
    components: listed.map(([path, entry]) => component(nameOf(path), entry)),
    dependencies: [["", root] as const, ...listed].map(([path, entry]) => {
      const name = path === "" ? root.name ?? "" : nameOf(path);
      const wanted = { ...entry.dependencies, ...entry.optionalDependencies };
      const found = Object.keys(wanted).flatMap((other) => {
        const at = placeOf(other, path, places);
        return at === null ? [] : [purl(other, places.get(at)!.version)];
      });
      return { ref: purl(name, entry.version), dependsOn: found };
    }),
  };
}

function component(name: string, entry: LockedPackage): Record<string, unknown> {
  const { version, license, integrity, optional } = entry;
  return {
    type: "library",
    "bom-ref": purl(name, version),
    name,
    version,
    scope: optional === true ? "optional" : "required",
    purl: purl(name, version),
    ...(license === undefined ? {} : { licenses: [{ license: { id: license } }] }),
    ...(integrity === undefined ? {} : { hashes: [hashOf(integrity)] }),
  };
}

/** `sha512-` and base64, as the lock file has it. */
function hashOf(integrity: string): { alg: string; content: string } {
  const [algorithm = "", text = ""] = integrity.split("-");
  const content = Buffer.from(text, "base64").toString("hex");
  return { alg: algorithm.replace("sha", "SHA-"), content };
}

/** Where a package that needs `name` finds it: below itself, or below what it lies in. */
function placeOf(
  name: string,
  from: string,
  places: ReadonlyMap<string, LockedPackage>,
): string | null {
  for (let folder = from;;) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (places.has(path)) return path;
    if (folder === "") return null;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")));
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}

function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
