/**
 * A broker under strace, and what it asked of the kernel, call by call.
 *
 * strace runs as a grandchild (-D), so the broker is the process that the test started: signals and
 * exit codes are its own. It writes lines in the order in which it saw the calls end, which is the
 * order that the proofs need; no clock is looked at.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

export interface Call {
  readonly thread: number;
  readonly name: string;
  /** The first descriptor's path or kind, as strace -y names it; empty where there is none. */
  readonly target: string;
  readonly result: number;
  /** All of it, for messages. */
  readonly line: string;
}

const SECCOMP = ["--seccomp-bpf"];

/** Why nothing can be traced here, or null. */
export function straceMissing(): string | null {
  const probe = spawnSync("strace", ["-D", "-f", ...SECCOMP, "-o", "/dev/null", "true"]);
  if (probe.error !== undefined) return "strace is not installed (Debian: apt-get install strace)";
  return probe.status === 0 ? null : "strace may not trace here";
}

export class Trace {
  readonly #file: string = join(temporaryDirectory("trace"), "calls");
  readonly #options: readonly string[];

  /** `calls` are traced; `inject` are strace's own expressions, such as `fdatasync:error=EIO`. */
  constructor(calls: readonly string[], inject: readonly string[] = []) {
    this.#options = [
      `--trace=${calls.join(",")}`,
      ...inject.map((expression) => `--inject=${expression}`),
    ];
  }

  /** What goes before the broker's command line. */
  get wrap(): string[] {
    // Calls that are not traced then cost nothing; but strace 6.1 sends no signal that way.
    const filter = this.#options.some((option) => option.includes(":signal=")) ? [] : SECCOMP;
    const output = ["-q", "-y", "-s", "0", "-o", this.#file];
    return ["strace", "-D", "-f", ...filter, ...output, ...this.#options];
  }

  /** Everything up to the end of the process `pid`, which has ended. */
  async calls(pid: number): Promise<Call[]> {
    const last = new RegExp(`^${pid} +\\+\\+\\+ (exited|killed)`, "m");
    const text = await until("strace has written the last line", () => {
      const written = readFileSync(this.#file, "utf8");
      return last.test(written) ? written : null;
    });
    return parseCalls(text);
  }
}

const UNFINISHED = " <unfinished ...>";

/** `THREAD name(fd<what>, …) = result`; what another thread's line cut in two is put together. */
export function parseCalls(text: string): Call[] {
  const begun = new Map<string, string>();
  const calls: Call[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", said = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (said.endsWith(UNFINISHED)) {
      begun.set(thread, said.slice(0, -UNFINISHED.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said);
    const whole = resumed === null ? said : (begun.get(thread) ?? "") + resumed[1];
    const found = /^(\w+)\((?:\d+<([^>]*)>)?.* = (-?\d+)/.exec(whole);
    if (found === null) continue;
    const [, name = "", target = "", result = "0"] = found;
    calls.push({
      thread: Number(thread),
      name,
      target,
      result: Number(result),
      line: `${thread} ${whole}`,
    });
  }
  return calls;
}

/** The calls of the shard alone: of the thread that accepts. */
export function shardCalls(calls: readonly Call[]): Call[] {
  const accepting = calls.find(({ name }) => name === "accept4");
  assert.ok(accepting !== undefined, "accept4 is traced, and somebody connected");
  return calls.filter(({ thread }) => thread === accepting.thread);
}

/** Whether the call is on a segment file. */
export function onLog(call: Call): boolean {
  return call.target.endsWith(".log");
}

export function named(calls: readonly Call[], ...names: readonly string[]): Call[] {
  return calls.filter(({ name }) => names.includes(name));
}

/** The sum of what calls returned, errors aside. */
export function bytesOf(calls: readonly Call[]): number {
  return calls.reduce((sum, { result }) => sum + Math.max(0, result), 0);
}
