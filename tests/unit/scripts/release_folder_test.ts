/** What lies in a release beside the built: unit, container file and page, and the sums of all. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { copyPackaging, writeSums } from "../../../scripts/release_folder.ts";
import { ROOT } from "../../../scripts/runtime.mjs";
import { temporaryDirectory } from "../../support/temporary.ts";

test("unit, container file and page are in it, as they are in the repository", () => {
  const folder = temporaryDirectory("release");
  copyPackaging(folder);
  assert.deepEqual(readdirSync(folder).sort(), ["Containerfile", "EDGE.md", "sluice.service"]);
  for (const name of readdirSync(folder)) {
    const own = readFileSync(join(ROOT, name === "EDGE.md" ? "docs" : "packaging", name));
    assert.ok(own.equals(readFileSync(join(folder, name))), name);
  }
});

test("sha256sum finds every file of it whole, and a changed one changed", () => {
  const folder = temporaryDirectory("release");
  copyPackaging(folder);
  writeFileSync(join(folder, "sluice-bun-linux-x64"), "not really");
  const first = writeSums(folder);
  assert.deepEqual(writeSums(folder), first, "the sums are none of the summed");
  assert.deepEqual(first.map((line) => line.slice(66)), [
    "Containerfile",
    "EDGE.md",
    "sluice-bun-linux-x64",
    "sluice.service",
  ]);
  const whole = check(folder);
  assert.equal(whole.status, 0, whole.stderr);
  assert.equal(whole.stdout.match(/: OK$/gm)?.length, 4);

  appendFileSync(join(folder, "sluice.service"), "\n");
  const changed = check(folder);
  assert.equal(changed.status, 1);
  assert.match(changed.stdout, /^sluice\.service: FAILED$/m);
});

function check(folder: string): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
  return spawnSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: folder, encoding: "utf8", env });
}
