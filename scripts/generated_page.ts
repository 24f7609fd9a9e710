/**
 * A page of `docs/` that a script writes from tables. With `--check` on the command line nothing is
 * written, and the process ends with 1 when the page is not the one that would be.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** `name` is the file in `docs/`. */
export function keepPage(name: string, page: string): void {
  const url = new URL(`../docs/${name}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    writeFileSync(url, page);
    process.stdout.write(`wrote docs/${name}, ${page.length} characters\n`);
  } else if (read(url) !== page) {
    process.stderr.write(`docs/${name} is not fresh: run npm run docs\n`);
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
