/**
 * A broker in a child process, for Node: under Bun or Deno, or in an executable. Parent and child
 * speak in lines of JSON: the options go in, where it listens or why not comes out.
 *
 *     stdin   {"native":…}                 …             | ends: stop
 *     stdout               {"native":…,"http":…}
 *
 * Invariant: the child does not outlive its parent: however that ends, the pipe to the child's
 * standard input ends with it, and the child stops and removes its temporary directory.
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import {
  argumentsFor,
  chooseRuntime,
  DENO_BROKER_PERMISSIONS,
  MAIN,
} from "../../scripts/runtime.mjs";
import { type Address, ConfigError } from "../address.ts";
import type { BrokerOptions } from "../config.ts";
import { StartError } from "../server/start_error.ts";
import { CHILD_COMMAND, type Engine } from "./engine.ts";
import { checkExecutable, executableOnPath, namedExecutable } from "./executable.ts";

/** What the child says once. */
export type Said =
  | { readonly native: Address; readonly http: Address | null; readonly dataDirectory: string }
  | { readonly error: string; readonly hint: string; readonly isConfig: boolean };

/** Settles when it serves. Throws ConfigError and StartError. */
export async function startBeside(
  options: BrokerOptions,
  executable: string | undefined,
): Promise<Engine> {
  const child = await begin(executable);
  const ended = endOf(child);
  child.stdin!.on("error", () => {}); // it has ended, and `ended` says how
  child.stdin!.write(`${JSON.stringify(options)}\n`);
  const said = await Promise.race([firstLine(child), ended]);
  if (typeof said === "string") throw new StartError(`the broker's process ended: ${said}`);
  if ("error" in said) {
    await ended;
    const { error, hint, isConfig } = said;
    throw isConfig ? new ConfigError(error, hint) : new StartError(error);
  }
  const closed = ended.then((how) => {
    if (how !== "exit code 0") throw new StartError(`the broker cannot go on: ${how}`);
  });
  closed.catch(() => {}); // who does not listen is not ended by it
  return {
    ...said,
    closed,
    stop: () => {
      child.stdin!.end();
      return closed;
    },
  };
}

async function begin(executable: string | undefined): Promise<ChildProcess> {
  const [program, ...args] = await commandOf(namedExecutable(executable));
  return spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"], env: process.env });
}

async function commandOf(named: string): Promise<string[]> {
  if (named !== "") return await executableCommand(named);
  try {
    const { name, path } = chooseRuntime();
    return [path, ...argumentsFor(name, DENO_BROKER_PERMISSIONS), MAIN, CHILD_COMMAND];
  } catch (error) {
    // One that was asked for is not made up for by another thing.
    const found = (process.env["SLUICE_RUNTIME"] ?? "") === "" ? executableOnPath() : null;
    if (found !== null) return await executableCommand(found);
    const why = error instanceof Error ? error.message : String(error);
    const instead = "or name an executable of Sluice by `executable` or SLUICE_EXECUTABLE";
    throw new StartError(`a broker needs Bun or Deno to run it: ${why}, ${instead}`);
  }
}

async function executableCommand(path: string): Promise<string[]> {
  await checkExecutable(path);
  return [path, CHILD_COMMAND];
}

/** How the process ended, in words. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => {
      resolve(signal === null ? `exit code ${code}` : `ended by ${signal}`);
    });
  });
}

function firstLine(child: ChildProcess): Promise<Said> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).once("line", (line) => resolve(JSON.parse(line)));
  });
}
