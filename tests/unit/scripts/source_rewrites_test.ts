/** What a bundler cannot read is spelled out for it, or refused by name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { PROGRAM_ENTRIES } from "../../../scripts/bundle.ts";
import { ROOT } from "../../../scripts/runtime.mjs";
import { readable } from "../../../scripts/source_rewrites.ts";

const ENTRIES = ["/s/src/server/worker.ts"];

function read(source: string, path: string = "/s/src/server/threads.ts"): string {
  return readable(path, source, ENTRIES);
}

describe("what a bundler cannot read", () => {
  test("a module that is wanted later", () => {
    assert.equal(
      read(`const { run } = await import(later("./run.ts")) as typeof import("./run.ts");`),
      `const { run } = await import("./run.ts") as typeof import("./run.ts");`,
    );
    assert.equal(read(`import(later("#ffi")).then(tell);`), `import("#ffi").then(tell);`);
  });

  test("the same with its name in a constant", () => {
    const source = `const path = later("./run.ts");\nconst a = await import(path) as typeof A;`;
    assert.match(read(source), /^const a = await import\("\.\/run\.ts"\) as typeof A;$/m);
  });

  test("a worker lies beside whoever starts it", () => {
    assert.equal(
      read(`new URL("./worker.ts", import.meta.url)`),
      `new URL("./worker.js", import.meta.url)`,
    );
    assert.equal(
      read(`new URL("./server/worker.ts", import.meta.url)`, "/s/src/main.ts"),
      `new URL("./worker.js", import.meta.url)`,
    );
  });

  test("a worker that is no entry is refused", () => {
    const source = `new URL("./other.ts", import.meta.url)`;
    assert.throws(() => read(source), /threads\.ts: .*server\/other\.ts is no entry/);
  });

  test("a name that nobody can know is refused", () => {
    assert.throws(() => read("await import(path)"), /threads\.ts: .* import\(path\)/);
    assert.throws(() => read("await import(later(name))"), /cannot read import\(later\(name\)/);
  });

  test("comments and the function itself are left alone", () => {
    const source = "/** await import(path) */\nfunction later(specifier: string): string {}";
    assert.equal(read(source), source);
  });

  test("every worker of the program is an entry", () => {
    const path = join(ROOT, "src/server/threads.ts");
    const source = readFileSync(path, "utf8");
    const entries = PROGRAM_ENTRIES.map((entry) => join(ROOT, entry));
    const workers = readable(path, source, entries).match(/new URL\("\.\/\w+\.js"/g) ?? [];
    assert.equal(workers.length, PROGRAM_ENTRIES.length - 1, workers.join(" "));
  });
});
