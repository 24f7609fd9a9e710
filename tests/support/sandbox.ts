/**
 * A root that holds one program, libc and /proc, and nothing that can be written but a data
 * directory: what a container on the smallest base is, made with `unshare`.
 *
 *     unshare --mount -> binds below a directory, which is then read-only -> enter_sandbox.ts
 *
 * A container's default rules about system calls come from the Debian package that carries them.
 * The program, its data directory and libc lie at the same paths inside as outside, unless others
 * are named.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { ROOT, runtimePath } from "./runtimes.ts";
import { temporaryDirectory } from "./temporary.ts";

/** One rule about system calls, whatever processor and capability it was for. */
export interface Rule {
  readonly names: readonly string[];
  /** What the call answers with; 0: it is allowed. */
  readonly errno: number;
  readonly comparisons: readonly {
    readonly index: number;
    readonly op: string;
    readonly value: number;
    readonly valueTwo: number;
  }[];
}

export interface Filter {
  /** errno of every call that no rule names. */
  readonly refuse: number;
  readonly rules: readonly Rule[];
}

export interface SandboxPlan {
  readonly root: string;
  readonly user: number;
  readonly filter: Filter | null;
}

interface ProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: Rule["comparisons"] | null;
  readonly includes?: { readonly arches?: readonly string[]; readonly caps?: readonly string[] };
}

export const NOBODY = 65534;
export const EPERM = 1;
const PROFILE = "usr/share/containers/seccomp.json";
const PACKAGE = "golang-github-containers-common";
const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;

/** Why no such root can be made here, or null. */
export function sandboxMissing(): string | null {
  const { status, stderr, error } = spawnSync("unshare", ["--mount", "true"], { encoding: "utf8" });
  if (status === 0) return null;
  return `unshare --mount: ${error?.message ?? stderr.trim()}`;
}

/** Where the program and its data lie inside, and as whom it runs there. */
export interface Inside {
  readonly program: string;
  readonly data: string;
  readonly user: number;
}

/** What comes before the program's own words, to start it inside. */
export function sandboxWrap(
  program: string,
  data: string,
  filter: Filter | null,
  inside: Inside = { program, data, user: NOBODY },
): string[] {
  const root = temporaryDirectory("root");
  const plan: SandboxPlan = { root, user: inside.user, filter };
  const lines = [
    `chmod 755 ${root}`,
    `mount --bind ${root} ${root}`,
    ...bind(program, `${root}${inside.program}`, "touch"),
    ...librariesOf(program).flatMap((path) => bind(path, `${root}${path}`, "touch")),
    ...bind(data, `${root}${inside.data}`, "mkdir -p"),
    `mkdir ${root}/proc`,
    `mount -t proc proc ${root}/proc`,
    `mount -o remount,bind,ro ${root}`,
  ];
  return enterWrap(lines, plan);
}

/** Lines of shell that mount what is to be seen inside, and then the plan. */
export function enterWrap(lines: readonly string[], plan: SandboxPlan): string[] {
  const script = join(temporaryDirectory("enter"), "enter.sh");
  const enter = `${runtimePath("bun")} run ${join(ROOT, "tests/support/enter_sandbox.ts")}`;
  // What is mounted may hide the directories of PATH, as it does those of an executable's suite.
  const begin = ["set -e", "own=$PATH", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
  writeFileSync(script, [...begin, ...lines, `PATH=$own exec ${enter} "$@"`, ""].join("\n"));
  return ["unshare", "--mount", "sh", script, JSON.stringify(plan)];
}

/** A file or a directory, shown at another path too. */
function bind(path: string, inside: string, make: string): string[] {
  return [`mkdir -p ${dirname(inside)}`, `${make} ${inside}`, `mount --bind ${path} ${inside}`];
}

/** Of a program, by the loader's own word. */
export function librariesOf(program: string): string[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? "");
}

/** A directory that the program in there may write to. */
export function writableDirectory(): string {
  const directory = temporaryDirectory("w");
  chmodSync(directory, 0o777);
  return directory;
}

/** A container's default rules for a program without capabilities; or why they cannot be had. */
export function containerRules(): Filter | string {
  const kept = join(ROOT, "dist/seccomp");
  const found = [`/${PROFILE}`, join(kept, PROFILE)].find((path) => existsSync(path));
  const path = found ?? unpackProfile(kept);
  if (!existsSync(path)) return path;
  const profile = JSON.parse(readFileSync(path, "utf8"));
  const rules = (profile.syscalls as ProfileRule[]).filter(isOurs).map(({ names, ...rule }) => {
    const errno = rule.action === "SCMP_ACT_ALLOW" ? 0 : rule.errnoRet ?? EPERM;
    return { names, errno, comparisons: rule.args ?? [] };
  });
  return { refuse: profile.defaultErrnoRet ?? EPERM, rules };
}

/** The same rules, and these calls refused. */
export function without(filter: Filter, refused: readonly string[]): Filter {
  const rules = filter.rules.map((rule) => {
    return { ...rule, names: rule.names.filter((name) => !refused.includes(name)) };
  });
  return { ...filter, rules: [...rules, { names: refused, errno: EPERM, comparisons: [] }] };
}

function isOurs({ includes }: ProfileRule): boolean {
  if ((includes?.caps ?? []).length > 0) return false;
  return includes?.arches === undefined || includes.arches.includes(ARCHITECTURE);
}

/** Its path; or why not. Nothing is installed. */
function unpackProfile(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const command = `apt-get download -q ${PACKAGE} && dpkg-deb -x ${PACKAGE}_*.deb .`;
  const { status, stderr } = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
  if (status === 0) return join(folder, PROFILE);
  return `${PACKAGE} cannot be had: ${stderr.trim().split("\n").at(-1)}`;
}
