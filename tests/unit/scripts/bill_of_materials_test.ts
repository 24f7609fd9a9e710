/** The bill of materials: what a run can load, and who needs whom. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { billOfMaterials } from "../../../scripts/bill_of_materials.ts";

interface Bill {
  readonly components: readonly Record<string, unknown>[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: string[] }[];
}

test("packages of development are left out, nested ones are found where they lie", () => {
  const bill = billOfMaterials({
    packages: {
      "": { name: "s", version: "1.0.0", license: "L", dependencies: { a: "1.0.0" } },
      "node_modules/a": {
        version: "1.0.0",
        license: "MIT",
        integrity: "sha512-AAEC",
        dependencies: { "@x/b": "2.0.0", c: "3.0.0" },
      },
      "node_modules/@x/b": { version: "1.0.0" },
      "node_modules/a/node_modules/@x/b": { version: "2.0.0", dependencies: { c: "3.0.0" } },
      "node_modules/c": { version: "3.0.0", optional: true },
      "node_modules/d": { version: "4.0.0", dev: true },
      "node_modules/@deno/linux": { version: "5.0.0", optional: true },
    },
  }) as unknown as Bill;
  const refs = new Map(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  assert.deepEqual(refs.get("pkg:npm/s@1.0.0"), ["pkg:npm/a@1.0.0"]);
  assert.deepEqual(refs.get("pkg:npm/a@1.0.0"), ["pkg:npm/%40x/b@2.0.0", "pkg:npm/c@3.0.0"]);
  assert.deepEqual(refs.get("pkg:npm/%40x/b@2.0.0"), ["pkg:npm/c@3.0.0"]);
  assert.deepEqual(bill.components.map(({ name }) => name), ["a", "@x/b", "@x/b", "c"]);
  const [a] = bill.components;
  assert.deepEqual(a!["hashes"], [{ alg: "SHA-512", content: "000102" }]);
  assert.deepEqual(a!["licenses"], [{ license: { id: "MIT" } }]);
});

test("every dependency of ours is in ours, with a licence and a hash", () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8"));
  const bill = billOfMaterials(read("package-lock.json")) as unknown as Bill;
  const byName = new Map(bill.components.map((entry) => [entry["name"], entry]));
  for (const [name, version] of Object.entries(read("package.json").dependencies)) {
    assert.equal(byName.get(name)?.["version"], version, name);
  }
  for (const entry of bill.components) {
    assert.ok("licenses" in entry && "hashes" in entry, String(entry["name"]));
  }
  assert.ok(!byName.has("typescript"));
});
