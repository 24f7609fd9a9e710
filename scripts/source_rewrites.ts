/**
 * What a bundler cannot read in our sources, said so that it can. The bundle is flat: entries and
 * chunks lie in one folder, so a worker lies beside whoever starts it.
 *
 *     import(later("./run.ts"))                  ->  import("./run.ts")
 *     const path = later("./run.ts"); import(path)  ->  const path = …; import("./run.ts")
 *     new URL("./worker.ts", import.meta.url)    ->  new URL("./worker.js", import.meta.url)
 *
 * Invariant: nothing of the kind is left unread: what is not understood, and a worker that is no
 * entry of the bundle, is an Error that names the file.
 */
import { basename, dirname, join } from "node:path";

const LATER = /\blater\(("[^"]+")\)/g;
const LATER_NAMED = /\bconst (\w+) = later\(("[^"]+")\);/g;
/** A name that nobody can know before the program runs. `import("…")` and types are none. */
const UNREAD = /\bimport\((?!\s*")[^)]*\)|\blater\((?!\s*")(?!specifier: string\))[^)]*\)/;
const WORKER = /new URL\("(\.\/[\w./]+)\.ts", import\.meta\.url\)/g;

/** `entries`: paths of the bundle's entries, absolute like `path`. Throws an Error. */
export function readable(path: string, source: string, entries: readonly string[]): string {
  let text = source;
  for (const [, name, specifier] of source.matchAll(LATER_NAMED)) {
    text = text.replaceAll(`import(${name})`, `import(${specifier})`);
  }
  text = text.replaceAll(LATER, "$1").replaceAll(WORKER, (_, module: string) => {
    const worker = join(dirname(path), `${module}.ts`);
    if (!entries.includes(worker)) throw new Error(`${path}: ${worker} is no entry of the bundle`);
    return `new URL("./${basename(module)}.js", import.meta.url)`;
  });
  const unread = UNREAD.exec(withoutComments(text));
  if (unread !== null) throw new Error(`${path}: a bundler cannot read ${unread[0]}`);
  return text;
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
}
