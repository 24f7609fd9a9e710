/**
 * packaging/Containerfile as its instructions: comments are left out, lines that go on are one, and
 * only what the last stage says becomes the image.
 *
 *     FROM … AS parts    COPY  RUN     | stages[0]
 *     FROM scratch       COPY  USER …  | stages[1]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./runtimes.ts";

export const CONTAINER_FILE = "packaging/Containerfile";

export interface Instruction {
  readonly name: string;
  /** What stands behind it, on one line. */
  readonly text: string;
}

/** The instructions of each stage, from its FROM on. */
export function stages(): Instruction[][] {
  const file = readFileSync(join(ROOT, CONTAINER_FILE), "utf8");
  const lines = file.split("\n").filter((line) => !/^\s*#/.test(line)).join("\n");
  const found: Instruction[][] = [];
  for (const line of lines.replaceAll(/\\\n\s*/g, "").split("\n")) {
    const [, name, text = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (name === undefined && line.trim() !== "") throw new Error(`no instruction: ${line}`);
    if (name === undefined) continue;
    if (name === "FROM") found.push([]);
    found.at(-1)?.push({ name, text });
  }
  return found;
}

/** The one instruction of this name in a stage; fails where there is none, or more than one. */
export function only(stage: readonly Instruction[], name: string): string {
  const [found, ...more] = stage.filter((instruction) => instruction.name === name);
  if (found === undefined || more.length > 0) throw new Error(`not one ${name} in a stage`);
  return found.text;
}

/** The words of an instruction in its JSON form, which no shell reads: there is none inside. */
export function wordsOf(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || words.some((word) => typeof word !== "string")) {
    throw new Error(`no list of words: ${text}`);
  }
  return words as string[];
}

/** The words of the health check, behind its CMD. */
export function healthWords(stage: readonly Instruction[]): string[] {
  return wordsOf(only(stage, "HEALTHCHECK").split("CMD ")[1] ?? "");
}
