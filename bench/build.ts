/**
 * The C programs of the bench: compiled with the machine's own `cc` into dist/bench, at every
 * run, so that a figure never comes from an old binary.
 *
 *     bench/limit/*.c  ->  dist/bench/server    what the design could reach at the most
 *                          dist/bench/load      the load generator, for every server the same
 *     bench/crowd/crowd.c  ->  dist/bench/crowd    clients that do not behave
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findRuntime, ROOT, type RuntimeName } from "../scripts/runtime.mjs";

const SOURCES = join(ROOT, "bench", "limit");
export const DIST: string = join(ROOT, "dist", "bench");
export const SERVER: string = join(DIST, "server");
export const LOAD: string = join(DIST, "load");
export const CROWD: string = join(DIST, "crowd");

const FLAGS = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"];
const CRC_FLAGS: Readonly<Record<string, string>> = {
  x64: "-msse4.2",
  arm64: "-march=armv8-a+crc",
};

/** Compiles all programs and lets the load generator check its own checksum. */
export function buildPrograms(): void {
  mkdirSync(DIST, { recursive: true });
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  const ofLoad = sources.filter((name) => name.startsWith("load"));
  const ofServer = sources.filter((name) => !name.startsWith("load"));
  compile(SERVER, ofServer);
  compile(LOAD, [...ofLoad, "crc32c.c"]);
  compile(CROWD, ["../crowd/crowd.c"]);
  execFileSync(LOAD, ["selftest"], { stdio: ["ignore", "ignore", "inherit"] });
}

function compile(output: string, sources: readonly string[]): void {
  const crcFlag = CRC_FLAGS[process.arch];
  if (crcFlag === undefined) throw new Error(`no hardware CRC-32C is known for ${process.arch}`);
  execFileSync("cc", [...FLAGS, crcFlag, ...sources, "-o", output], {
    cwd: SOURCES,
    stdio: "inherit",
  });
}

export function compilerVersion(): string {
  return firstLine("cc", ["--version"]);
}

/** A runtime's name and version, as it says itself. */
export function versionOf(name: RuntimeName): string {
  const path = findRuntime(name);
  const said = path === null ? "missing" : firstLine(path, ["--version"]);
  return `${name} ${said.replace(/^deno /, "")}`;
}

/** The first line that a program says; empty when it does not run. */
function firstLine(program: string, args: readonly string[]): string {
  return capture(program, args).split("\n")[0] ?? "";
}

/** What a program says on standard output; empty when it fails. */
export function capture(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
