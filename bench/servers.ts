/**
 * Servers under measurement, as child processes: the limit server, Sluice under Bun, Sluice under
 * Deno.
 *
 *     start -> "native 127.0.0.1:PORT", "ready" -> load, load, … -> stop (SIGTERM, then SIGKILL)
 *
 * Invariant: every server is ended by the pid it was started with, and its data directory is
 * removed, also when the bench fails half way.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import {
  argumentsFor,
  DENO_BROKER_PERMISSIONS,
  findRuntime,
  ROOT,
  type RuntimeName,
} from "../scripts/runtime.mjs";
import { removeScratch, scratchDirectory } from "../scripts/scratch.ts";
import { DIST, LOAD, SERVER } from "./build.ts";

export type ServerName = "limit" | RuntimeName;

export interface Server {
  readonly name: ServerName;
  readonly pid: number;
  readonly port: number;
  /** Its data directory; empty where it has none. */
  readonly data: string;
  /** Everything it wrote so far, both streams. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

/** What the load generator prints; see bench/limit/load.c. */
export interface Measured {
  readonly mode: string;
  readonly topic: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly operations: number;
  readonly bytes: number;
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly operationsAll: number;
  readonly bytesAll: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Of mode tail: until a record is acknowledged; p50Us and p99Us are until it is delivered. */
  readonly ackP50Us?: number;
  readonly ackP99Us?: number;
  readonly serverCpuSeconds: number;
  readonly loadCpuSeconds: number;
  readonly machineCpuSeconds: number;
  /** Resident memory of the server, the most there was and at the end of the window. */
  readonly serverPeakMib: number;
  readonly serverResidentMib: number;
  /** What the server fetched from a disk inside the window. */
  readonly diskReadMib: number;
  readonly counters?: Readonly<Record<string, number>>;
}

/** Ctrl-C ends the bench through its exit handlers, so that no server and no directory is left. */
for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.on(name, () => process.exit(code));
}

const READY_WITHIN_MS = 20_000;
const STOPPED_WITHIN_MS = 10_000;
const LOAD_WITHIN_MS = 900_000;

export interface StartOptions {
  /** An executable to start instead of the sources under a runtime. */
  readonly executable?: string | undefined;
  /** Arguments of the runtime, before the program: tracing of collections. */
  readonly runtimeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of the server itself: of the limit server, or of `sluice serve`. */
  readonly serverFlags?: readonly string[];
}

/** Starts a server on a fresh data directory and resolves when it says "ready". */
export async function startServer(name: ServerName, options: StartOptions = {}): Promise<Server> {
  const data = scratchDirectory(DIST);
  const command = commandOf(name, data, options);
  const removeData = () => removeScratch(data);
  return { ...await startProgram(name, command, options.env ?? {}, removeData), data };
}

/**
 * Starts any program that names its listener and says "ready", as Sluice does; `forget` runs when
 * it has ended.
 */
export async function startProgram(
  name: ServerName,
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  forget: () => void,
): Promise<Server> {
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const pieces: string[] = [];
  child.stdout.on("data", (piece) => pieces.push(String(piece)));
  child.stderr.on("data", (piece) => pieces.push(String(piece)));
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const cleanUp = () => {
    signal(child, "SIGKILL");
    forget();
  };
  process.on("exit", cleanUp);
  const stop = async () => {
    signal(child, "SIGTERM");
    const limit = setTimeout(() => signal(child, "SIGKILL"), STOPPED_WITHIN_MS);
    await ended;
    clearTimeout(limit);
    process.off("exit", cleanUp);
    forget();
  };
  const output = () => pieces.join("");
  const port = await whenReady(child, output).catch(async (error: Error) => {
    await stop();
    throw new Error(`${name}: ${error.message}\n${output()}`);
  });
  const pid = child.pid ?? -1;
  return { name, pid, port, data: "", output, stop };
}

function commandOf(name: ServerName, data: string, options: StartOptions): string[] {
  const serverFlags = options.serverFlags ?? [];
  if (name === "limit") return [SERVER, "--data", data, "--port", "0", ...serverFlags];
  // Another checkout can be measured by naming its entry.
  const main = process.env["SLUICE_BENCH_MAIN"] ?? join(ROOT, "src", "main.ts");
  const program = options.executable === undefined
    ? [...runtimeCommand(name, options.runtimeFlags), main]
    : [options.executable];
  return [...program, "serve", "--data", data, "--native", "127.0.0.1:0", ...serverFlags];
}

/** What stands before the file: the runtime as the broker is started under it. */
export function runtimeCommand(name: RuntimeName, flags: readonly string[] = []): string[] {
  const runtime = findRuntime(name);
  if (runtime === null) throw new Error(`${name} is not on this machine; run npm ci`);
  const [run, ...before] = argumentsFor(name, DENO_BROKER_PERMISSIONS);
  return [runtime, run!, ...flags, ...before];
}

function whenReady(child: ChildProcess, output: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error("not ready in time")), READY_WITHIN_MS);
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(limit);
      reject(new Error("ended before it was ready"));
    });
    child.stdout?.on("data", () => {
      const said = output();
      const port = /^(?:native|http) \S+:(\d+)$/m.exec(said)?.[1];
      if (port === undefined || !/^ready$/m.test(said)) return;
      clearTimeout(limit);
      resolve(Number(port));
    });
  });
}

/** By its pid, and only while it lives: afterwards the number may be somebody else's. */
function signal(child: ChildProcess, name: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(child.pid, name);
  } catch {
    // It ended a moment ago.
  }
}

/** Runs the load generator against a server and gives back what it measured. */
export async function runLoad(server: Server, args: readonly string[]): Promise<Measured> {
  const target = ["--port", String(server.port), "--pid", String(server.pid), "--stats"];
  const line = await runProgram([...args, ...target]).catch((error: Error) => {
    throw new Error(`load ${args.join(" ")} against ${server.name}: ${error.message}`);
  });
  return JSON.parse(line) as Measured;
}

/** Makes the machine's free memory resident again; see bench/README.md. */
export async function touchMemory(mib: number): Promise<void> {
  await runProgram(["touch", "--mib", String(mib)]);
}

export function runProgram(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: LOAD_WITHIN_MS, maxBuffer: 1 << 24, encoding: "utf8" } as const;
    execFile(LOAD, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim() === "" ? error.message : stderr.trim()));
    });
  });
}
