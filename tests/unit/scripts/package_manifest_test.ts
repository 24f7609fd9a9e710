/** The package.json of the npm package. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { packageManifest } from "../../../scripts/package_manifest.ts";

const repository = {
  name: "n",
  version: "1.2.3",
  description: "d",
  license: "l",
  private: true,
  scripts: { test: "t" },
  engines: { bun: ">=1" },
  dependencies: { zod: "4.0.0" },
  devDependencies: { typescript: "7.0.0" },
  optionalDependencies: { "@deno/linux-x64-glibc": "2.0.0", "@oven/bun-linux-x64": "1.4.5" },
};

test("what a clone alone needs is left out, and one runtime is enough", () => {
  const manifest = packageManifest(repository);
  assert.equal(manifest["version"], "1.2.3");
  assert.deepEqual(manifest["dependencies"], { zod: "4.0.0" });
  assert.deepEqual(manifest["optionalDependencies"], { "@oven/bun-linux-x64": "1.4.5" });
  for (const key of ["private", "scripts", "devDependencies"]) assert.ok(!(key in manifest), key);
});
