/**
 * The real process, for tests: a broker under one runtime, and single commands of the command
 * line.
 *
 * Nothing here is simulated, and nothing outlives the test: a broker still running when the test
 * process ends is killed by its process id, and scripts/test.ts ends the whole process group
 * after each file.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { Buffer } from "node:buffer";
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { UNCLEAN_STOPS_FILE } from "../../src/format/file_names.ts";
import { bareEnvironment, EXECUTABLE, settingsFile } from "./executable.ts";
import {
  argumentsFor,
  DENO_BROKER_PERMISSIONS,
  ROOT,
  type RuntimeName,
  runtimePath,
} from "./runtimes.ts";
import { signalChild } from "./signal_child.ts";

const READY_WITHIN_MS = 20_000;
const COMMAND_WITHIN_MS = 120_000;

export interface Ended {
  code: number | null;
  signal: string | null;
}

export interface BrokerOptions {
  runtime: RuntimeName;
  data: string;
  /** More arguments for `serve`. */
  flags?: readonly string[];
  /** What `Broker.start` takes, for settings without a flag; `flags` are not used then. */
  settings?: Readonly<Record<string, unknown>>;
  env?: Record<string, string>;
  /** HOST:PORT of the native listener; port 0 by default, so that brokers never meet. */
  native?: string;
  /** The HTTP door is open, on any port or where nobody says otherwise; else there is none. */
  http?: true | "default";
  /** Deno's permissions, for tests that serve with fewer than usual. */
  permissions?: readonly string[];
  /**
   * A program to start the runtime with, such as strace with its arguments; `pid` is then its
   * pid.
   */
  wrap?: readonly string[];
  /** The path of an executable to start; by default the one under test, if there is one. */
  executable?: string | undefined;
  readyWithinMs?: number;
  /** After many unclean stops in a row it waits, as it does for everybody. */
  mayWait?: boolean;
}

export interface Broker {
  port: number;
  pid: number;
  /** Listener name to HOST:PORT, as the first lines of standard output said. */
  listeners: ReadonlyMap<string, string>;
  /** HOST:PORT of the HTTP door, which is open a moment after "ready". */
  http(): Promise<string>;
  /** What it has said so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when the process has ended, however it ended. */
  ended: Promise<Ended>;
  /** SIGTERM, and waits for a clean end. */
  stop(): Promise<Ended>;
  /** SIGKILL, and waits. */
  kill(): Promise<Ended>;
}

export interface CommandOptions {
  runtime: RuntimeName;
  args: readonly string[];
  /** Null: it stays open, and `started` may write to it. */
  stdin?: string | Uint8Array | null;
  env?: Record<string, string>;
  cwd?: string;
  /** Open descriptors instead of pipes, for data too large to hold in memory. */
  stdinFd?: number;
  stdoutFd?: number;
  permissions?: readonly string[];
  wrap?: readonly string[];
  executable?: string | undefined;
  withinMs?: number;
  /** SIGINT when so many bytes of its output have come. */
  interruptAtBytes?: number;
  /** Called with the process, at once. */
  started?: (child: ChildProcess) => void;
}

export interface CommandResult extends Ended {
  /** Empty when `stdoutFd` took it. */
  stdout: Buffer;
  /** The same as text. */
  out: string;
  stderr: string;
}

/**
 * Starts `serve` and resolves when it says "ready"; rejects, with what it said, when it does not.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const native = options.native ?? "127.0.0.1:0";
  const flags = [...httpFlags(options.http), ...options.flags ?? []];
  const args = ["serve", "--data", options.data, "--native", native, ...flags];
  const [main, words] = options.settings === undefined
    ? ["src/main.ts", args]
    : withSettings(options.data, options.settings);
  // A test kills more often than anybody should, and waits for nothing.
  if (options.mayWait !== true) rmSync(join(options.data, UNCLEAN_STOPS_FILE), { force: true });
  const child = start(options, main, words, ["ignore", "pipe", "pipe"]);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const ended = whenEnded(child);
  const listeners = await whenReady(child, stdout, options.readyWithinMs ?? READY_WITHIN_MS)
    .catch(async (error: Error) => {
      signalChild(child, "SIGKILL");
      await ended;
      throw new Error(`${error.message}\n${text(stdout)}${text(stderr)}`);
    });
  const end = (signal: "SIGTERM" | "SIGKILL") => {
    signalChild(child, signal);
    return ended;
  };
  return {
    port: Number((listeners.get("native") ?? "").split(":").at(-1)),
    pid: child.pid ?? -1,
    listeners,
    http: () => whenHttp(child, stdout),
    stdout: () => text(stdout),
    stderr: () => text(stderr),
    ended,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

/** The executable reads them from a file; else they are handed to `Broker.start`. */
function withSettings(
  data: string,
  settings: Readonly<Record<string, unknown>>,
): [string, string[]] {
  if (EXECUTABLE !== null) {
    const more = ["--data", data, "--native", "127.0.0.1:0", "--no-http"];
    return ["src/main.ts", ["serve", "--config", settingsFile(settings), ...more]];
  }
  const native = { host: "127.0.0.1", port: 0 };
  const all = { dataDirectory: data, native, ...settings };
  return ["tests/support/serve_settings.ts", [JSON.stringify(all)]];
}

function httpFlags(http: BrokerOptions["http"]): string[] {
  if (http === "default") return [];
  return http === true ? ["--http", "127.0.0.1:0"] : ["--no-http"];
}

/** Runs one command of the command line to its end. Never rejects because of an exit code. */
export async function runSluice(options: CommandOptions): Promise<CommandResult> {
  const child = start(options, "src/main.ts", options.args, [
    options.stdinFd ?? "pipe",
    options.stdoutFd ?? "pipe",
    "pipe",
  ]);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  interruptAt(child, options.interruptAtBytes ?? Infinity);
  // A command may end without reading its input; that is its right and no error of the test.
  child.stdin?.on("error", () => {});
  if (options.stdin !== null) child.stdin?.end(options.stdin ?? "");
  options.started?.(child);
  const limit = setTimeout(
    () => signalChild(child, "SIGKILL"),
    options.withinMs ?? COMMAND_WITHIN_MS,
  );
  const ended = await whenEnded(child);
  clearTimeout(limit);
  const bytes = Buffer.concat(stdout);
  return { ...ended, stdout: bytes, out: bytes.toString("utf8"), stderr: text(stderr) };
}

function interruptAt(child: ChildProcess, bytes: number): void {
  let received = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    const before = received;
    received += chunk.length;
    if (before < bytes && received >= bytes) signalChild(child, "SIGINT");
  });
}

/** Starts a program of this repository, or the executable; shared by both helpers above. */
function start(
  options: BrokerOptions | CommandOptions,
  main: string,
  args: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const permissions = options.permissions ?? DENO_BROKER_PERMISSIONS;
  const executable = options.executable ?? EXECUTABLE?.path;
  const program = executable === undefined
    ? programFor(options.runtime, permissions, main)
    : [executable];
  const command = [...options.wrap ?? [], ...program, ...args];
  const child = spawn(command[0] ?? "", command.slice(1), {
    stdio,
    cwd: "cwd" in options ? options.cwd : ROOT,
    env: {
      ...process.env,
      NO_COLOR: "1",
      ...(executable === undefined ? {} : bareEnvironment()),
      ...options.env,
    },
  });
  const endWithTest = () => signalChild(child, "SIGKILL");
  process.on("exit", endWithTest);
  child.on("close", () => process.off("exit", endWithTest));
  return child;
}

/** What comes before the arguments of the program. */
export function programFor(
  runtime: RuntimeName,
  permissions: readonly string[],
  main: string,
): string[] {
  if (EXECUTABLE !== null) return [EXECUTABLE.path];
  return [runtimePath(runtime), ...argumentsFor(runtime, permissions), join(ROOT, main)];
}

/** Reads "NAME HOST:PORT" lines up to "ready". Rejects on an early end or a late start. */
function whenReady(
  child: ChildProcess,
  stdout: Buffer[],
  withinMs: number,
): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`not ready within ${withinMs} ms`)), withinMs);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      reject(new Error(`the broker ended before it was ready: ${code ?? signal}`));
    });
    child.stdout?.on("data", () => {
      const listeners = parseReady(text(stdout));
      if (listeners === null) return;
      clearTimeout(limit);
      resolve(listeners);
    });
  });
}

function whenHttp(child: ChildProcess, stdout: Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const address = /^http (\S+:\d+)$/m.exec(text(stdout))?.[1];
      if (address !== undefined) resolve(address);
    };
    child.on("close", () => reject(new Error("the broker ended before its HTTP door was open")));
    child.stdout?.on("data", look);
    look();
  });
}

/** The listeners named before the line "ready", or null when that line has not come yet. */
export function parseReady(stdout: string): Map<string, string> | null {
  const listeners = new Map<string, string>();
  for (const line of stdout.split("\n").slice(0, -1)) {
    if (line === "ready") return listeners;
    const listener = /^([a-z]+) (\S+:\d+)$/.exec(line);
    if (listener !== null) listeners.set(listener[1] ?? "", listener[2] ?? "");
  }
  return null;
}

function whenEnded(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.on("error", () => resolve({ code: null, signal: null }));
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
}

function collect(stream: NodeJS.ReadableStream | null): Buffer[] {
  const pieces: Buffer[] = [];
  stream?.on("data", (piece: Buffer) => pieces.push(piece));
  return pieces;
}

function text(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString("utf8");
}
