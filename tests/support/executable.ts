/**
 * The executable under test, where the tests are to run against one: `npm test -- --executable
 * PATH` names it in SLUICE_TEST_EXECUTABLE. Brokers and commands are then that program; only the
 * tests themselves run under a runtime.
 *
 * It is given what a machine has that never heard of us: an empty home, and a PATH without Node,
 * Bun and Deno, which holds everything else that this machine's has.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { makeExecutable, makeModules, missingHelper, ownTarget } from "../../scripts/executable.ts";
import {
  DENO_BROKER_PERMISSIONS,
  findRuntime,
  type RuntimeName,
  RUNTIMES,
} from "../../scripts/runtime.mjs";
import { temporaryDirectory } from "./temporary.ts";

export interface Executable {
  readonly path: string;
  readonly runtime: RuntimeName;
}

const ABSENT = /^(node|nodejs|npm|npx|bun|bunx|deno|denort)$/;

export const EXECUTABLE: Executable | null = named(process.env["SLUICE_TEST_EXECUTABLE"] ?? "");

let bare: Readonly<Record<string, string>> | null = null;

/** Throws an Error when it is not there, or does not start. */
function named(path: string): Executable | null {
  if (path === "") return null;
  return { path, runtime: runtimeOf(path) };
}

/** What an executable says that it was made of. Throws an Error when it says no such thing. */
export function runtimeOf(path: string): RuntimeName {
  const { stdout, stderr } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const found = /^runtime +(\w+) \S+, executable/m.exec(stdout ?? "")?.[1]?.toLowerCase();
  const runtime = RUNTIMES.find((name) => name === found);
  if (runtime === undefined) throw new Error(`${path} is no executable of Sluice: ${stderr}`);
  return runtime;
}

/** The executable of this machine for a runtime, made here and now; or why it cannot be had. */
export function madeExecutable(runtime: RuntimeName): { path: string } | { reason: string } {
  const target = ownTarget(runtime);
  if (target === undefined) return { reason: `${runtime} is not on this machine` };
  const missing = missingHelper(target);
  return missing === "" ? { path: makeExecutable(target) } : { reason: missing };
}

/**
 * Where Deno's helper binary is missing: the modules that it would be given, and what they are
 * started with instead.
 */
export function madeModules(): { path: string; wrap: readonly string[] } {
  const path = makeModules(ownTarget("deno")!, temporaryDirectory("modules"));
  const flags = ["--no-config", "--no-lock", "--cached-only", ...DENO_BROKER_PERMISSIONS];
  return { path, wrap: [findRuntime("deno")!, "run", ...flags] };
}

/** HOME and PATH for it; made once for the process. */
export function bareEnvironment(): Readonly<Record<string, string>> {
  return bare ??= makeBare(temporaryDirectory("bare"));
}

function makeBare(directory: string): Readonly<Record<string, string>> {
  const [home, programs] = [join(directory, "home"), join(directory, "bin")];
  mkdirSync(home);
  mkdirSync(programs);
  const seen = new Set<string>();
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of listOf(folder)) {
      // The first of a name is the one that is run.
      if (seen.has(name) || ABSENT.test(name)) continue;
      seen.add(name);
      symlinkSync(join(folder, name), join(programs, name));
    }
  }
  return { HOME: home, PATH: programs };
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A file with settings that no flag of `serve` has. */
export function settingsFile(settings: Readonly<Record<string, unknown>>): string {
  const path = join(temporaryDirectory("config"), "sluice.json");
  writeFileSync(path, JSON.stringify(settings));
  return path;
}
