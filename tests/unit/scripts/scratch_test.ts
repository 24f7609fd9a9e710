/** Scratch folders: gone at the end, and what the killed have left goes with the next. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  DENO_SCRIPT_PERMISSIONS,
  denoProject,
  ROOT,
  type Runtime,
} from "../../../scripts/runtime.mjs";
import { removeScratch, scratchDirectory } from "../../../scripts/scratch.ts";
import { availableRuntimes } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const SCRATCH = join(ROOT, "scripts/scratch.ts");
/** No process has this id: they end below 2^22. */
const DEAD = 4194305;

test("what a process left that is no more is removed, and nothing else", () => {
  const parent = temporaryDirectory("sweep");
  const stays = ["sluice-example-abcdef", `sluice-${process.ppid}-abcdef`, "sluice-data", "other"];
  for (const name of [...stays, `sluice-${DEAD}-abcdef`]) {
    mkdirSync(join(parent, name));
    writeFileSync(join(parent, name, "file"), "x");
  }
  const made = scratchDirectory(parent);
  const left = readdirSync(parent).filter((name) => join(parent, name) !== made).sort();
  assert.deepEqual(left, stays.sort());
  removeScratch(made);
  assert.equal(existsSync(made), false);
});

for (const { name, path } of availableRuntimes()) {
  for (const end of ["as a program", "as a test", "by SIGKILL"] as const) {
    test(`a process on ${name} leaves nothing, ${end}`, async () => {
      const parent = temporaryDirectory("leave");
      const file = join(temporaryDirectory("script"), "leaves_test.ts");
      const body = [
        `import { test } from "node:test";`,
        `import { writeFileSync } from "node:fs";`,
        `import { scratchDirectory } from ${JSON.stringify(SCRATCH)};`,
        `const make = () => writeFileSync(scratchDirectory(${
          JSON.stringify(parent)
        }) + "/file", "x");`,
        end === "as a test" ? `test("makes one", make);` : "make();",
        end === "by SIGKILL" ? `process.kill(process.pid, "SIGKILL");` : "",
      ];
      writeFileSync(file, body.join("\n"));
      const code = await run({ name, path }, end === "as a test" ? "test" : "run", file);
      assert.equal(code, end === "by SIGKILL" ? null : 0);
      if (end === "by SIGKILL") {
        assert.equal(readdirSync(parent).length, 1, "it could not");
        removeScratch(scratchDirectory(parent));
      }
      assert.deepEqual(readdirSync(parent), []);
    });
  }
}

function run({ name, path }: Runtime, how: "run" | "test", file: string): Promise<number | null> {
  const options = name === "deno"
    ? ["--no-check", ...denoProject(), ...DENO_SCRIPT_PERMISSIONS]
    : [];
  const child = spawn(path, [how, ...options, file], { stdio: "ignore", cwd: ROOT });
  return new Promise((resolve) => child.on("exit", resolve));
}
