/**
 * The other side of beside.ts: starts a broker with the options that come in, says where it
 * listens, and stops when the input ends.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { ConfigError } from "../address.ts";
import type { Said } from "./beside.ts";
import { startInside } from "./inside.ts";

const input = createInterface({ input: process.stdin });
const inputEnded = new Promise<void>((resolve) => input.once("close", resolve));
input.once("line", (line) => void serve(line));
// Ctrl-C reaches every process of a terminal: this one ends when its parent does.
process.on("SIGINT", () => {});

async function serve(line: string): Promise<void> {
  try {
    const engine = await startInside(JSON.parse(line));
    const { native, http, dataDirectory } = engine;
    say({ native, http, dataDirectory });
    await Promise.race([inputEnded, engine.closed]);
    await engine.stop();
    process.exit(0);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isConfig = error instanceof ConfigError;
    say({ error: message, hint: isConfig ? error.hint : "", isConfig });
    process.exit(1);
  }
}

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
