/**
 * The other side of beside.ts: starts a broker with the options that come in, says where it
 * listens, and stops when the input ends.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { ConfigError } from "../address.ts";
import type { Said } from "./beside.ts";
import { startInside } from "./inside.ts";

/** Settles with the exit code, when it has stopped. */
export async function serveParent(): Promise<0 | 1> {
  const input = createInterface({ input: process.stdin });
  const inputEnded = new Promise<void>((resolve) => input.once("close", resolve));
  const line = new Promise<string>((resolve) => input.once("line", resolve));
  // Ctrl-C reaches every process of a terminal: this one ends when its parent does.
  process.on("SIGINT", () => {});
  const options = await Promise.race([line, inputEnded]);
  if (options === undefined) return 0; // the parent ended before it said anything
  try {
    const engine = await startInside(JSON.parse(options));
    const { native, http, dataDirectory } = engine;
    say({ native, http, dataDirectory });
    await Promise.race([inputEnded, engine.closed]);
    await engine.stop();
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isConfig = error instanceof ConfigError;
    say({ error: message, hint: isConfig ? error.hint : "", isConfig });
    return 1;
  }
}

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
