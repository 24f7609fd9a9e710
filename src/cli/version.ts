/**
 * `sluice --version`: what runs here, for a report of a bug.
 *
 *     sluice 0.1.0
 *     commit   1f2e3d4c5b6a
 *     runtime  Bun 1.4.5, executable for bun-linux-x64
 *     kernel   Linux 6.18.44: AIO yes, cachestat yes, RWF_NOWAIT yes, syncfs errors yes
 *
 * Invariant: the first line is said whatever the rest comes to, and its second word is the version.
 */

import fs from "node:fs";
import process from "node:process";
import { AT_FDCWD, EBADF, errnoName, O_RDONLY, RWF_NOWAIT } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { KiB } from "../base/units.ts";
import { reportsSyncfsErrors } from "../server/own_file_system.ts";
import { COMMIT, TARGET, VERSION } from "../version.ts";
import { probeAio, systemText } from "./doctor/probe.ts";
import { ExitCode } from "./exit_codes.ts";
import { printText } from "./output.ts";

/** Any regular file does to ask how files are read; this one is always there. */
const OWN_FILE = "/proc/self/exe";
const READ_SIZE: number = 4 * KiB;

export async function version(): Promise<ExitCode> {
  const kernel = await import("../server/tools_libc.ts")
    .then(({ libc }) => kernelText(libc), (error: Error) => error.message.split("\n")[0]!);
  await printText([
    `sluice ${VERSION}`,
    `commit   ${COMMIT === "" ? commitOfSources(new URL("../..", import.meta.url)) : COMMIT}`,
    `runtime  ${runtimeText()}, ${TARGET === "" ? process.arch : `executable for ${TARGET}`}`,
    `kernel   ${kernel}`,
    "",
  ].join("\n"));
  return ExitCode.success;
}

export function runtimeText(): string {
  const { bun, deno } = process.versions as Record<string, string | undefined>;
  return bun === undefined ? `Deno ${deno}` : `Bun ${bun}`;
}

/** The commit that is checked out at a root, twelve digits; "unknown" where git has none. */
export function commitOfSources(root: URL): string {
  try {
    const git = gitDirectory(new URL(".git", root));
    const head = read(new URL("HEAD", git));
    const name = /^ref: (.+)$/.exec(head)?.[1];
    const commit = name === undefined ? head : commitOf(git, name);
    return /^[0-9a-f]{40}/.test(commit) ? commit.slice(0, 12) : "unknown";
  } catch {
    return "unknown";
  }
}

/** A worktree has a file there, which names the directory. */
function gitDirectory(path: URL): URL {
  if (fs.statSync(path).isDirectory()) return new URL(`${path.href}/`);
  const named = /^gitdir: (.+)$/.exec(read(path))?.[1] ?? "";
  return new URL(`${named}/`, path);
}

function commitOf(git: URL, name: string): string {
  const common = new URL("commondir", git);
  const home = fs.existsSync(common) ? new URL(`${read(common)}/`, git) : git;
  const loose = new URL(name, home);
  if (fs.existsSync(loose)) return read(loose);
  const packed = read(new URL("packed-refs", home)).split("\n");
  return packed.find((line) => line.endsWith(` ${name}`)) ?? "";
}

function read(path: URL): string {
  return fs.readFileSync(path, "utf8").trim();
}

/** What of this kernel Sluice uses where it is there, and does without where it is not. */
function kernelText(libc: Libc): string {
  const { cachestat, noWait } = probeReads(libc);
  const features = [
    `AIO ${answer(probeAio(libc))}`,
    `cachestat ${answer(cachestat)}`,
    `RWF_NOWAIT ${answer(noWait)}`,
    `syncfs errors ${reportsSyncfsErrors(libc) ? "yes" : "no"}`,
  ];
  const release = systemText(libc, "/proc/sys/kernel/osrelease").trim();
  return `Linux ${release === "" ? "?" : release}: ${features.join(", ")}`;
}

function answer(result: number): string {
  return result >= 0 ? "yes" : `no (${errnoName(-result)})`;
}

function probeReads(libc: Libc): { cachestat: number; noWait: number } {
  // Of no file: a kernel that knows the call, and allows it, says so.
  const cachestat = libc.cachestat(-1, 0, READ_SIZE, libc.cacheStatus());
  const known = { cachestat: cachestat === -EBADF ? 0 : cachestat };
  const fd = libc.openat(AT_FDCWD, OWN_FILE, O_RDONLY, 0);
  if (fd < 0) return { ...known, noWait: fd };
  const vector = libc.ioVector(1);
  vector.push(libc.allocate(READ_SIZE), 0, READ_SIZE);
  const noWait = libc.preadv2(fd, vector, 0, RWF_NOWAIT);
  libc.close(fd);
  return { ...known, noWait };
}
