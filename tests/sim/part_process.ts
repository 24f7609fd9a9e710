/** Starts parts of the simulation (part.ts) under a runtime and hears what they say. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import {
  argumentsFor,
  DENO_SCRIPT_PERMISSIONS,
  ROOT,
  type Runtime,
} from "../../scripts/runtime.mjs";
import type { PartLine } from "./part.ts";

/** The last line of the part. Rejects when it ends otherwise than well. */
export function runPart(
  runtime: Runtime,
  words: readonly string[],
  onDone: (done: number) => void = () => {},
): Promise<PartLine> {
  const before = argumentsFor(runtime.name, [...DENO_SCRIPT_PERMISSIONS, "--no-check"]);
  const file = join(ROOT, "tests/sim/part.ts");
  const child = spawn(runtime.path, [...before, file, ...words], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let rest = "";
    let errors = "";
    let last: PartLine | null = null;
    child.stdout.on("data", (piece) => {
      const lines = (rest + String(piece)).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        last = JSON.parse(line) as PartLine;
        if ("done" in last) onDone(last.done);
      }
    });
    child.stderr.on("data", (piece) => errors += String(piece));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 && last !== null) resolve(last);
      else reject(new Error(`part ${words.join(" ")} ended with ${code}: ${errors}`));
    });
  });
}
