/**
 * Each rule finds what it is for, in a violation planted as a string, and leaves its neighbour
 * alone.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as rules from "../../support/tidy_rules.ts";
import { functionsOf, importsOf, readSource } from "../../support/tidy_scan.ts";

const LAYERS: rules.Layers = {
  "ffi": { folders: [], ffi: "nothing", packages: [], builtins: ["bun:"] },
  "src/base": { folders: [], ffi: "nothing", packages: [], builtins: ["node:process"] },
  "src/log": { folders: ["src/base"], ffi: "constants", packages: [], builtins: [] },
  "src/server": { folders: ["src/log"], ffi: "value", packages: [], builtins: ["node:"] },
  "src/client": {
    folders: [],
    ffi: "nothing",
    packages: ["@hono"],
    builtins: [],
    files: ["src/log/table.ts"],
  },
};

/** Number of findings. */
function found(rule: rules.Rule, path: string, text: string): number {
  return rule(readSource(path, text)).length;
}

const imports = (path: string, text: string): number => found(rules.importRule(LAYERS), path, text);

test("imports: upwards, unknown folders, packages and builtins", () => {
  assert.equal(imports("src/log/a.ts", `import { a } from "../base/b.ts";`), 0);
  assert.equal(imports("src/log/a.ts", `import { a } from "./b.ts";`), 0);
  assert.equal(imports("src/base/a.ts", `import { a } from "../log/b.ts";`), 1);
  assert.equal(imports("src/base/a.ts", `import {\n  a,\n  b,\n} from "../log/b.ts";`), 1);
  assert.equal(imports("src/base/a.ts", `export { a } from "../log/b.ts";`), 1);
  assert.equal(imports("src/base/a.ts", `import "../log/b.ts";`), 1);
  assert.equal(imports("src/base/a.ts", `const a = await import("../log/b.ts");`), 1);
  assert.equal(imports("src/base/a.ts", `new Worker(new URL("../log/w.ts", import.meta.url));`), 1);
  assert.equal(imports("src/base/a.ts", `// import { a } from "../log/b.ts";`), 0);
  assert.equal(imports("src/new/a.ts", ""), 1);
  assert.equal(imports("src/log/a.ts", `import { z } from "zod";`), 1);
  assert.equal(imports("src/client/a.ts", `import { z } from "@hono/node-server";`), 0);
  assert.equal(imports("src/client/a.ts", `import { z } from "../log/table.ts";`), 0);
  assert.equal(imports("src/log/a.ts", `import process from "node:process";`), 1);
  assert.equal(imports("src/base/a.ts", `import process from "node:process";`), 0);
  assert.equal(imports("src/server/a.ts", `import { Worker } from "node:worker_threads";`), 0);
});

test("imports: the running libc is the server's alone", () => {
  assert.equal(imports("src/server/a.ts", `import { libc } from "#ffi";`), 0);
  assert.equal(imports("src/log/a.ts", `import { libc } from "#ffi";`), 1);
  assert.equal(imports("src/log/a.ts", `import { type Libc, libc } from "#ffi";`), 1);
  assert.equal(imports("src/log/a.ts", `import { type Libc } from "#ffi";`), 0);
  assert.equal(imports("src/log/a.ts", `import type { Libc } from "../../ffi/libc.ts";`), 0);
  assert.equal(imports("src/log/a.ts", `import { libc } from "../../ffi/libc.ts";`), 1);
  assert.equal(imports("src/log/a.ts", `import { EIO } from "../../ffi/constants.ts";`), 0);
  assert.equal(imports("src/base/a.ts", `import { EIO } from "../../ffi/constants.ts";`), 1);
  assert.equal(imports("src/server/a.ts", `import { libc } from "../../ffi/bun.ts";`), 1);
  assert.equal(imports("ffi/a.ts", `import { a } from "../src/base/a.ts";`), 1);
});

test("imports of one file, and which of them are types", () => {
  const source = readSource(
    "a.ts",
    `import type { A } from "./a.ts";\nimport { type B } from "./b.ts";\nexport * from "./c.ts";`,
  );
  assert.deepEqual(importsOf(source).map(({ typeOnly, line }) => [typeOnly, line]), [
    [true, 1],
    [true, 2],
    [false, 3],
  ]);
});

test("function length: declarations, methods, arrows, return types with braces", () => {
  const body = "  a();\n".repeat(69);
  const heads = [
    "function f(a: number) {",
    "export async function f<T>(a: T): Promise<{ a: number }> {",
    "function f(): { a: number; b: string } {",
    "class C { #m(a: () => void): asserts a is A {",
    "const f = (a: number): Map<string, () => void> => {",
    "const f = a => {",
    `test("name with ( and {", async () => {`,
  ];
  for (const head of heads) {
    const end = head.startsWith("test") ? "})" : head.startsWith("class") ? "}}" : "}";
    assert.equal(found(rules.functionLength, "src/a.ts", `${head}\n${body}${end}\n`), 1, head);
    const shorter = body.slice("  a();\n".length);
    assert.equal(found(rules.functionLength, "src/a.ts", `${head}\n${shorter}${end}\n`), 0, head);
  }
  for (const head of ["if (a) {", "for (const a of b) {", `describe("x", () => {`]) {
    const end = head.startsWith("describe") ? "})" : "}";
    assert.equal(found(rules.functionLength, "src/a.ts", `${head}\n${body}${end}\n`), 0, head);
  }
});

test("function length is not confused by strings, templates, comments and expressions", () => {
  const text = [
    "function f(): string {",
    "  const a = '}'; // }",
    '  const b = /[}/]}/.test(a) ? `} ${g({ c: `}` })} }` : "{";',
    "  return b ? { a: g(b) } : h(c) ? { d } : e; /* } */",
    "}",
    "const x = 4 / 2, y = 8 / 4;",
    "function last() {",
    "}",
  ].join("\n");
  const blocks = functionsOf(readSource("a.ts", text).code);
  assert.deepEqual(blocks.map(({ firstLine, lines }) => [firstLine, lines]), [[1, 5], [7, 2]]);
});

test("lengths of files and lines", () => {
  assert.equal(found(rules.fileLength, "src/a.ts", "a\n".repeat(401)), 1);
  assert.equal(found(rules.fileLength, "src/a.ts", "a\n".repeat(400)), 0);
  assert.equal(found(rules.lineLength, "src/a.ts", "é".repeat(101)), 1);
  assert.equal(found(rules.lineLength, "src/a.ts", "é".repeat(100)), 0);
  assert.equal(found(rules.lineLength, "README.md", "a".repeat(101)), 1);
  assert.equal(found(rules.lineLength, "README.md", `| ${"a".repeat(101)} |`), 0);
});

test("template literals in assert", () => {
  const rule = rules.templateInAssert;
  assert.equal(found(rule, "src/a.ts", "assert(a > 0, `a is ${a}`);"), 1);
  assert.equal(found(rule, "src/a.ts", "assert(\n  a,\n  `b`,\n);"), 1);
  assert.equal(found(rule, "src/a.ts", 'assert(a > 0, "a ` b"); const c = `d`;'), 0);
});

test("BigInt", () => {
  for (
    const text of ["BigInt(1)", "let a = 123n;", "let a = 0xffn;", "a: bigint", "v.getBigUint64(0)"]
  ) {
    assert.equal(found(rules.bigInt, "src/a.ts", text), 1, text);
    assert.equal(found(rules.bigInt, "ffi/deno.ts", text), 0, text);
  }
  assert.equal(found(rules.bigInt, "src/a.ts", 'let a = "123n"; let b1n = 2; // BigInt'), 0);
});

test("the outside on the data path", () => {
  const calls = [
    "Date.now()",
    "new Date()",
    "Math.random()",
    "setTimeout(f, 1)",
    "performance.now()",
    "return fetch(url)",
    'import { readFileSync } from "node:fs";',
    'import { readFile } from "node:fs/promises";',
  ];
  for (const text of calls) {
    assert.equal(found(rules.outsideOnDataPath, "src/log/a.ts", text), 1, text);
    assert.equal(found(rules.outsideOnDataPath, "src/cli/a.ts", text), 0, text);
  }
  assert.equal(found(rules.outsideOnDataPath, "src/log/a.ts", "export function fetch(a: A) {}"), 0);
});

test("any, leftovers, default exports, opening comments", () => {
  for (const text of ["let a: any;", "a as any", "let a: Map<string, any>;", "let a: any[];"]) {
    assert.equal(found(rules.anyType, "src/a.ts", text), 1, text);
  }
  assert.equal(found(rules.anyType, "src/a.ts", 'let a = "x: any"; // as any\nany(b);'), 0);
  assert.equal(found(rules.leftOver, "docs/a.md", "TODO: more"), 1);
  assert.equal(found(rules.defaultExport, "src/a.ts", "export default function f() {}"), 1);
  assert.equal(found(rules.defaultExport, "src/a.ts", "export { a as default };"), 1);
  assert.equal(found(rules.opensWithComment, "src/a.ts", "// A\nlet a;"), 1);
  assert.equal(found(rules.opensWithComment, "src/a.ts", "/** A. */\nlet a;"), 0);
});

test("hot files", () => {
  const hot = "/**\n * The turn. Hot.\n */\n";
  const bad = [
    "async function f() {}",
    "for (const a of b) {\n  c(() => a);\n}",
    "while (a) b(...c);",
    "do { a.map(b); } while (c);",
  ];
  for (const text of bad) {
    assert.equal(found(rules.hotFile, "src/a.ts", hot + text), 1, text);
    assert.equal(found(rules.hotFile, "src/a.ts", `/** Cold. */\n${text}`), 0, text);
  }
  assert.equal(found(rules.hotFile, "src/a.ts", `${hot}const f = () => 1; g(...h);`), 0);
});

test("names of one machine and of registries", () => {
  // Put together here, so that neither stands in the repository.
  const path = (...folders: string[]) => ["", ...folders].join("/");
  const host = ["registry", "npmjs", "org"].join(".");
  for (const text of [`cd ${path("work", "main")}`, path("root", ".npm"), `https://${host}/zod`]) {
    assert.equal(found(rules.machineNames, "README.md", text), 1, text);
  }
  assert.equal(
    found(
      rules.machineNames,
      "README.md",
      `.${path("work", "main")} and docs${path("home", "a")} and /workers`,
    ),
    0,
  );
});

test("unit tests mirror a file", () => {
  const files = new Set(["src/base/ring.ts", "scripts/junit.ts", "tests/support/skip.ts"]);
  const broken = ["base/ring", "scripts/junit", "support/skip", "base/other"]
    .flatMap((name) => rules.unitTestMirrors(`tests/unit/${name}_test.ts`, files));
  assert.equal(broken.length, 1);
});
