/**
 * Crowds of clients that do not behave, or do nothing: bench/crowd/crowd.c as a child process.
 *
 *     start -> "ready" when all of them stand -> … -> end: its input closes, a line of JSON
 *
 * Invariant: a crowd ends with the bench, because its input does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { CROWD } from "./build.ts";

const LOOK_EVERY_MS = 10;

export interface Crowd {
  /** Sends it home; gives back what it says of itself. */
  end(): Promise<string>;
}

/** `args` as bench/crowd/crowd.c says, without the port. */
export async function startCrowd(port: number, args: readonly string[]): Promise<Crowd> {
  const words = [...args, "--port", String(port)];
  const child: ChildProcess = spawn(CROWD, words, { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout!.on("data", (piece) => said += String(piece));
  const ended = once(child, "close");
  while (!said.startsWith("ready\n")) {
    if (child.exitCode !== null) throw new Error(`crowd ${args.join(" ")} failed`);
    await pause(LOOK_EVERY_MS);
  }
  return {
    end: async () => {
      child.stdin!.end();
      await ended;
      if (child.exitCode !== 0) throw new Error(`crowd ${args.join(" ")} failed`);
      return said.slice("ready\n".length).trim();
    },
  };
}
