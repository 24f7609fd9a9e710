/**
 * The blocks of the pages, as a newcomer pastes them: what stands in "sh" fences below a heading.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const COMMAND = "npx sluice";

/** The blocks of the clone's README, with another command in the place of `npx sluice`. */
export function tourBlocks(clone: string, command: string = COMMAND): string[] {
  const blocks = pageBlocks(join(clone, "README.md"), "Tour");
  return blocks.map((block) => block.replaceAll(COMMAND, command));
}

/** The blocks of one section of a page; they may be indented. */
export function pageBlocks(path: string, heading: string): string[] {
  const page = readFileSync(path, "utf8");
  const [section = ""] = (page.split(`\n## ${heading}\n`)[1] ?? "").split("\n## ");
  const fences = section.matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm);
  return [...fences].map(([, indent = "", block = ""]) => {
    return block.replaceAll(new RegExp(`^${indent}`, "gm"), "");
  });
}
