/**
 * Files that a script writes from tables: pages of `docs/`, and the typed client of the HTTP door.
 * With `--check` on the command line nothing is written, and the process ends with 1 when a file is
 * not the one that would be.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** `name` is the file in `docs/`. */
export function keepPage(name: string, page: string): void {
  keepFile(`docs/${name}`, page);
}

/** `path` begins at the root of the repository. */
export function keepFile(path: string, text: string): void {
  const url = new URL(`../${path}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    writeFileSync(url, text);
    process.stdout.write(`wrote ${path}, ${text.length} characters\n`);
  } else if (read(url) !== text) {
    process.stderr.write(`${path} is not fresh: run npm run docs\n`);
    process.exit(1);
  }
}

/** Empty when there is none. */
function read(url: URL): string {
  try {
    return readFileSync(url, "utf8");
  } catch {
    return "";
  }
}
