/**
 * How long a program takes from its start to serving: until it says "ready" on a data directory
 * that is new.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { removeScratch, scratchDirectory } from "./scratch.ts";

const READY_WITHIN_MS = 20_000;

/** Milliseconds of each start. Rejects, with what it said, when it does not come to serve. */
export async function startTimesMs(
  command: readonly string[],
  starts: number,
): Promise<number[]> {
  const timesMs: number[] = [];
  while (timesMs.length < starts) timesMs.push(await startOnce(command));
  return timesMs;
}

async function startOnce([program = "", ...args]: readonly string[]): Promise<number> {
  const scratch = scratchDirectory();
  const serve = ["serve", "--data", join(scratch, "d"), "--native", "127.0.0.1:0", "--no-http"];
  const beginMs = performance.now();
  const child = spawn(program, [...args, ...serve], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  process.on("exit", kill);
  const limit = setTimeout(kill, READY_WITHIN_MS);
  let said = "";
  let readyMs = NaN;
  child.stderr.on("data", (piece) => said += String(piece));
  child.stdout.on("data", (piece) => {
    said += String(piece);
    if (!Number.isNaN(readyMs) || !/^ready$/m.test(said)) return;
    readyMs = performance.now() - beginMs;
    child.kill("SIGTERM");
  });
  child.on("error", (error) => said += error.message);
  await new Promise<void>((resolve) => child.on("close", () => resolve()));
  clearTimeout(limit);
  process.off("exit", kill);
  removeScratch(scratch);
  if (Number.isNaN(readyMs)) throw new Error(`it does not come to serve: ${said.trim()}`);
  return readyMs;
}
