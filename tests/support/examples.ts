/**
 * Examples in pages and in doc comments: whole programs between "```ts" and "```", which import
 * "sluice", "sluice/client" or "sluice/http" and ask a broker at 127.0.0.1:7400, or its HTTP door
 * at 127.0.0.1:7480, where they have none of their own.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./runtimes.ts";

export interface Example {
  /** File and line, for the name of a test. */
  readonly place: string;
  readonly text: string;
}

const FENCE = /^([ ]*(?:\* )?)```ts\n([\s\S]*?)^[ ]*(?:\* )?```$/gm;

/** The examples of the files that the patterns match, in their order. */
export function findExamples(...patterns: string[]): Example[] {
  const found: Example[] = [];
  for (const file of patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT }).sort())) {
    const source = readFileSync(join(ROOT, file), "utf8");
    for (const { index, 1: indent = "", 2: body = "" } of source.matchAll(FENCE)) {
      const line = source.slice(0, index).split("\n").length;
      const lines = body.split("\n").map((text) => {
        return text.startsWith(indent) ? text.slice(indent.length) : text.replace(/^ *\*/, "");
      });
      found.push({ place: `${file}:${line}`, text: lines.join("\n") });
    }
  }
  return found;
}

/** The HTTP door of the broker of a test: HOST:PORT, and the token that may do everything. */
export interface Door {
  readonly address: string;
  readonly token: string;
}

/** The program, on the sources of this clone and against a broker of the test. */
export function programOf({ text }: Example, broker: string, door?: Door): string {
  const http = pathToFileURL(join(ROOT, "src/client/http/mod.ts")).href;
  const client = pathToFileURL(join(ROOT, "src/client/mod.ts")).href;
  const embedded = pathToFileURL(join(ROOT, "src/embed.ts")).href;
  return text.replaceAll('"sluice/client"', `"${client}"`).replaceAll('"sluice"', `"${embedded}"`)
    .replaceAll('"sluice/http"', `"${http}"`)
    .replaceAll("127.0.0.1:7400", broker)
    .replaceAll("127.0.0.1:7480", door?.address ?? "127.0.0.1:7480")
    .replaceAll('"THE TOKEN"', JSON.stringify(door?.token ?? "THE TOKEN"));
}
