/**
 * The blocks of README.md's tour, as a newcomer pastes them: what stands in "sh" fences below the
 * heading "Tour".
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const COMMAND = "npx sluice";

/** The blocks of the clone's README, with another command in the place of `npx sluice`. */
export function tourBlocks(clone: string, command: string = COMMAND): string[] {
  const page = readFileSync(join(clone, "README.md"), "utf8");
  const [tour = ""] = (page.split("\n## Tour\n")[1] ?? "").split("\n## ");
  const blocks = [...tour.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
  return blocks.map((block) => block.replaceAll(COMMAND, command));
}
