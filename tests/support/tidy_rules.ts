/**
 * The rules of docs/STYLE.md as functions: each takes one source file and gives the lines that
 * break it. tests/tidy_test.ts runs them over the repository;
 * tests/unit/support/tidy_rules_test.ts plants a violation of each to show that they can fail.
 */
import { closing, functionsOf, importsOf, lineAt, loopsOf, type Source } from "./tidy_scan.ts";

/** What a folder (or a single file such as src/limits.ts) may import. */
export interface Layer {
  folders: readonly string[];
  /** Nothing, types only, types and tables of constants, or the running libc (the value `#ffi`). */
  ffi: "nothing" | "types" | "constants" | "value";
  packages: readonly string[];
  /** Modules of the runtime: "node:process", or "node:" for all of them. */
  builtins: readonly string[];
  /** Single files of other folders, where a whole folder would be too much. */
  files?: readonly string[];
}

export type Layers = Readonly<Record<string, Layer>>;
export type Rule = (source: Source) => string[];

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 400;
const COLUMNS_MAX = 100;

const DATA_PATH = /^src\/(base|format|log|broker|net|native|kafka|server)\//;
const PRODUCT = /^(src|ffi)\/.*\.ts$/;
const SCRIPT = /\.(ts|mjs|js)$/;

/**
 * The files of ffi/ that hold tables only; a layer that may see constants may import their
 * values.
 */
const FFI_TABLES = ["ffi/constants.ts", "ffi/layouts.ts"];

/** The row of the import table that a file belongs to: "ffi", "src/log", "src/limits". */
export function layerOf(path: string): string {
  const [top = "", second = "", ...rest] = path.split("/");
  if (top !== "src") return top;
  return rest.length > 0 ? `src/${second}` : `src/${second.replace(/\.ts$/, "")}`;
}

/** The import table. A file in no row of it is a violation too: a new folder is a decision. */
export function importRule(layers: Layers): Rule {
  return (source) => {
    if (!PRODUCT.test(source.path)) return [];
    const layer = layers[layerOf(source.path)];
    if (layer === undefined) return [`${source.path}: no row in the import table`];
    const broken: string[] = [];
    for (const { specifier, typeOnly, line } of importsOf(source)) {
      if (importAllowed(source.path, layer, specifier, typeOnly)) continue;
      broken.push(`${source.path}:${line}: imports ${typeOnly ? "types of " : ""}${specifier}`);
    }
    return broken;
  };
}

function importAllowed(path: string, layer: Layer, specifier: string, typeOnly: boolean): boolean {
  if (specifier === "#ffi") {
    return layer.ffi === "value" || (typeOnly && layer.ffi !== "nothing") ||
      layerOf(path) === "ffi";
  }
  if (/^(node|bun):/.test(specifier)) {
    return layer.builtins.some((name) =>
      name === specifier || name === specifier.split(":")[0] + ":"
    );
  }
  if (!specifier.startsWith(".")) {
    return layer.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  }
  const target = resolve(path, specifier);
  const to = layerOf(target);
  if (to === layerOf(path) || layer.files?.includes(target)) return true;
  if (to === "ffi") return ffiAllowed(layer, target, typeOnly);
  return layer.folders.includes("*") || layer.folders.includes(to);
}

function ffiAllowed(layer: Layer, target: string, typeOnly: boolean): boolean {
  // The adapters are reached through `#ffi` alone, so that a test can put a simulator in their
  // place.
  if (/^ffi\/(bun|deno|symbols)\.ts$/.test(target) || layer.ffi === "nothing") return false;
  return typeOnly || (layer.ffi !== "types" && FFI_TABLES.includes(target));
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

export const functionLength: Rule = (source) => {
  if (!SCRIPT.test(source.path)) return [];
  return functionsOf(source.code).filter(({ lines }) => lines > FUNCTION_LINES_MAX)
    .map(({ firstLine, lines }) => `${source.path}:${firstLine}: a function of ${lines} lines`);
};

export const fileLength: Rule = (source) => {
  const lines = source.text.split("\n").length - 1;
  if (!SCRIPT.test(source.path) || lines <= FILE_LINES_MAX) return [];
  return [`${source.path}: ${lines} lines`];
};

/** Tables and lines with a link cannot be broken in Markdown. */
export const lineLength: Rule = (source) => {
  const isProse = source.path.endsWith(".md");
  if (!SCRIPT.test(source.path) && !isProse) return [];
  return each(source, source.text, (line) => {
    if ([...line].length <= COLUMNS_MAX) return null;
    if (isProse && (line.trimStart().startsWith("|") || line.includes("]("))) return null;
    return `${[...line].length} columns`;
  });
};

/** The string would be built although the condition holds: 15 to 37 ns instead of 1 to 3. */
export const templateInAssert: Rule = (source) => {
  if (!PRODUCT.test(source.path)) return [];
  const broken: string[] = [];
  for (const { index } of source.code.matchAll(/\bassert(\.\w+)?\(/g)) {
    const open = source.code.indexOf("(", index);
    if (!source.code.slice(open, closing(source.code, open)).includes("`")) continue;
    broken.push(`${source.path}:${lineAt(source.code, index)}: a template literal in assert`);
  }
  return broken;
};

export const bigInt: Rule = (source) => {
  if (!PRODUCT.test(source.path) || source.path === "ffi/deno.ts") return [];
  const pattern =
    /\b[Bb]ig[Ii]nt\b|\b(get|set)?Big(Ui|I)nt64(Array)?\b|\b(\d[\d_]*|0x[\da-f_]+)n\b/i;
  return each(source, source.code, (line) => pattern.exec(line)?.[0] ?? null);
};

/** Time, chance, files and the network reach the data path through `Libc` alone. */
export const outsideOnDataPath: Rule = (source) => {
  if (!DATA_PATH.test(source.path)) return [];
  const calls = [
    /\bDate\.now\b/,
    /\bnew Date\b/,
    /\bMath\.random\b/,
    /\bset(Timeout|Interval|Immediate)\b/,
    /\bqueueMicrotask\b/,
    /\bperformance\.now\b/,
    /(\b(await|return)|[=(,:])\s*fetch\(/,
  ];
  const found = each(source, source.code, (line) => {
    return calls.map((call) => call.exec(line)?.[0] ?? null).find((hit) => hit !== null) ?? null;
  });
  const files = importsOf(source).filter(({ specifier }) => /^node:fs\b/.test(specifier));
  return [...found, ...files.map(({ line }) => `${source.path}:${line}: node:fs`)];
};

export const anyType: Rule = (source) => {
  if (!source.path.endsWith(".ts")) return [];
  const pattern = /[:<|&]\s*any\b(?!\s*\()|\bas any\b|\bany\[\]|,\s*any\s*[>\]]/;
  return each(source, source.code, (line) => pattern.test(line) ? "the type any" : null);
};

/** Written in two halves so that this line is not one itself. */
const LEFT_OVER = new RegExp(`\\b(${"FIX"}ME|${"TO"}DO|${"XX"}X)\\b`);

export const leftOver: Rule = (source) =>
  each(source, source.text, (line) => LEFT_OVER.exec(line)?.[0] ?? null);

export const defaultExport: Rule = (source) => {
  if (!SCRIPT.test(source.path)) return [];
  const pattern = /^\s*export default\b|\bexport \{[^}]*\bas default\b/;
  return each(source, source.code, (line) => pattern.test(line) ? "a default export" : null);
};

export const opensWithComment: Rule = (source) => {
  if (!PRODUCT.test(source.path) || source.text.replace(/^#!.*\n/, "").startsWith("/**")) return [];
  return [`${source.path}: does not open with a comment that says what it is`];
};

/** A file is hot when its opening comment says so: a sentence "Hot." or a line "Hot: why". */
export function isHot(source: Source): boolean {
  const opening = source.text.startsWith("/**") ? source.text.split("*/")[0] ?? "" : "";
  return /(^|\s)Hot[.:]/.test(opening);
}

/** Nothing asynchronous in a hot file; in its loops nothing that allocates by its very shape. */
export const hotFile: Rule = (source) => {
  if (!PRODUCT.test(source.path) || !isHot(source)) return [];
  const found = each(source, source.code, (line) => {
    return /\b(async|await|Promise|setTimeout|yield)\b/.exec(line)?.[0] ?? null;
  });
  for (const loop of loopsOf(source.code)) {
    const body = source.code.slice(loop.start, loop.end);
    for (const { 0: what, index } of body.matchAll(/\.\.\.|=>|\bfunction\b|\.(map|filter)\(|`/g)) {
      const line = lineAt(source.code, loop.start + index);
      found.push(`${source.path}:${line}: ${what} in a loop of a hot file`);
    }
  }
  return [...new Set(found)];
};

/**
 * What is true on one machine only. The hosts are registries: packages are named, never
 * addressed.
 */
const MACHINE =
  /(?<![\w.~}-])\/(work|root|home)\/[\w.]|\b(registry\.)?(npmjs|yarnpkg)\.(org|com)\b/;

export const machineNames: Rule = (source) =>
  each(source, source.text, (line) => MACHINE.exec(line)?.[0] ?? null);

/**
 * tests/unit/base/ring_test.ts tests src/base/ring.ts; ffi, scripts and tests/support keep their
 * name.
 */
export function unitTestMirrors(path: string, files: ReadonlySet<string>): string[] {
  const name = /^tests\/unit\/(.+)_test\.ts$/.exec(path)?.[1];
  if (name === undefined) return [];
  const own = /^(ffi|scripts|bench)\//.test(name) ? name : `src/${name}`;
  const target = name.startsWith("support/") ? `tests/${name}` : own;
  return files.has(`${target}.ts`) ? [] : [`${path}: there is no ${target}.ts`];
}

/** Applies a check to each line; a finding becomes "path:line: finding". */
function each(source: Source, text: string, check: (line: string) => string | null): string[] {
  return text.split("\n").flatMap((line, index) => {
    const finding = check(line);
    return finding === null ? [] : [`${source.path}:${index + 1}: ${finding}`];
  });
}
