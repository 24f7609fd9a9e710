/**
 * `serve` without the parser library, which costs its process 14 MiB for as long as it runs and 30
 * to 40 ms of its start. Only what is plainly right is read here: options of serve that are
 * spelled out, each with a value that is allowed. Everything else, `--help` and mistakes too, is
 * left to command_line.ts, which explains it.
 *
 * Invariant: a command that is read here is the one that `parseCommandLine` gives.
 */

import { type Address, parseAddress } from "../address.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import type { ServeCommand } from "./command_line.ts";

type Draft = { -readonly [K in keyof ServeCommand]: ServeCommand[K] };

/** Takes a value into the command; false: it is not one, or not plainly. */
const OPTIONS: Readonly<Record<string, (draft: Draft, value: string) => boolean>> = {
  "--data": (draft, value) => {
    draft.data = value;
    return value !== "";
  },
  "--native": (draft, value) => {
    const address = addressOf(value);
    if (address !== null) draft.native = address;
    return address !== null;
  },
  "--run-dir": (draft, value) => {
    draft.runDirectory = value;
    return value !== "";
  },
  "--connections-max": (draft, value) => {
    draft.connectionsMax = Number(value);
    return isCount(value);
  },
  "--connections-per-address": (draft, value) => {
    draft.connectionsPerAddress = Number(value);
    return isCount(value);
  },
};

/** The command that `args` plainly say, or null. */
export function readPlainServe(args: readonly string[]): ServeCommand | null {
  if (args[0] !== "serve") return null;
  const draft: Draft = {
    name: "serve",
    data: "./sluice-data",
    native: { host: "127.0.0.1", port: 7400 },
    runDirectory: undefined,
    connectionsMax: undefined,
    connectionsPerAddress: undefined,
    initialise: true,
    syncMethod: "auto",
    coldReads: "on",
  };
  const seen = new Set<string>();
  for (let at = 1; at < args.length; at += 1) {
    const word = args[at]!;
    if (seen.has(word)) return null;
    seen.add(word);
    if (word === "--no-init") {
      draft.initialise = false;
      continue;
    }
    at += 1;
    const value = args[at] ?? "";
    const take = Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined;
    if (value.startsWith("-") || take?.(draft, value) !== true) return null;
  }
  return draft;
}

function addressOf(text: string): Address | null {
  try {
    return parseAddress(text);
  } catch {
    return null;
  }
}

function isCount(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) <= CONNECTIONS_MAX;
}
