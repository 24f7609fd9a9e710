/**
 * What a figure belongs to: date, commit, machine, versions, command. Every report opens with it.
 *
 * Invariant: it names no host and no path: reports go into docs/LEDGER.md.
 */
import { cpus, release, totalmem } from "node:os";
import process from "node:process";
import { findRuntime, type RuntimeName, RUNTIMES } from "../scripts/runtime.mjs";
import { capture, compilerVersion, versionOf } from "./build.ts";

export const CORES: number = cpus().length;

/** Those that `--runtime` asks for, or all that are here. Throws: there is none. */
export function chooseRuntimes(wanted: string | undefined): RuntimeName[] {
  const chosen = RUNTIMES.filter((name) => (wanted ?? name) === name && findRuntime(name) !== null);
  if (chosen.length === 0) throw new Error("--runtime: bun or deno, and it must be installed");
  return chosen;
}

export interface Environment {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly cores: number;
  readonly command: string;
  readonly versions: readonly string[];
}

/** `command` as one would type it, without its arguments: those are read from the process. */
export function describeEnvironment(
  command: string,
  runtimes: readonly RuntimeName[],
): Environment {
  const gib = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC",
    commit: commit(),
    machine: `${CORES} cores (${model}), ${gib} GiB, kernel ${release()}, loopback TCP`,
    cores: CORES,
    command: [command, ...process.argv.slice(2)].join(" "),
    versions: [...runtimes.map(versionOf), compilerVersion()],
  };
}

function commit(): string {
  const hash = capture("git", ["rev-parse", "--short", "HEAD"]).trim();
  if (hash === "") return "none";
  const isClean = capture("git", ["status", "--porcelain"]).trim() === "";
  return isClean ? hash : `${hash} with changes`;
}

/** The list that a report opens with. */
export function environmentLines(environment: Environment): string[] {
  return [
    `- Date ${environment.date}, commit ${environment.commit}`,
    `- Machine: ${environment.machine}`,
    `- Versions: ${environment.versions.join("; ")}`,
    `- Command: \`${environment.command}\``,
  ];
}

/** A row of a Markdown table. */
export function tableRow(texts: readonly string[]): string {
  return `| ${texts.join(" | ")} |`;
}

/** Head and rule of a Markdown table. */
export function tableHead(columns: readonly string[]): string[] {
  return [tableRow(columns), tableRow(columns.map(() => "---"))];
}
