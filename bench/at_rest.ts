/**
 * What a server costs at rest: memory after two idle seconds and the time from its start to its
 * first answer.
 *
 *     spawn -> "ready" on stdout -> first request answered -> 2 s -> memory
 *
 * Invariant: each measurement starts a new process and ends it; the machine is looked at from
 * before the start on.
 */
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "../src/client/admin.ts";
import { Connection } from "../src/client/connection.ts";
import { CORES, tableRow } from "./environment.ts";
import { between, type Memory, memoryOf, type Sample, sample, threadsOf } from "./processes.ts";
import type { Server } from "./servers.ts";
import { digits, percent, withRange } from "./statistics.ts";

const IDLE_MS = 2000;

export interface Rest {
  readonly readyMs: number;
  readonly answeredMs: number;
  readonly memory: Memory;
  readonly threads: number;
  /** Processor time of the start, and of the idle seconds. */
  readonly startCpuMs: number;
  readonly idleCpuMs: number;
  readonly foreignShare: number;
}

/** Starts a server, asks it once, lets it rest and ends it. */
export async function measure(
  start: () => Promise<Server>,
  ask: (port: number) => Promise<void>,
): Promise<Rest> {
  const machine = sample(process.pid);
  const beginMs = performance.now();
  const server = await start();
  try {
    const readyMs = performance.now() - beginMs;
    await ask(server.port);
    const answeredMs = performance.now() - beginMs;
    const before = sample(server.pid);
    const startForeign = foreignOfStart(machine, before);
    await pause(IDLE_MS);
    const memory = memoryOf(server.pid);
    const threads = threadsOf(server.pid);
    const used = between(before, sample(server.pid), CORES);
    return {
      readyMs,
      answeredMs,
      memory,
      threads,
      startCpuMs: before.cpuSeconds * 1000,
      idleCpuMs: used.cpuSeconds * 1000,
      foreignShare: Math.max(startForeign, used.foreignShare),
    };
  } finally {
    await server.stop();
  }
}

/** What others worked while the server started: its own time began with its process. */
function foreignOfStart(machine: Sample, server: Sample): number {
  const own = server.ownCpuSeconds - machine.ownCpuSeconds;
  const all = server.machineCpuSeconds - machine.machineCpuSeconds;
  const seconds = (server.atMs - machine.atMs) / 1000;
  return Math.max(0, all - own - server.cpuSeconds) / (seconds * CORES);
}

/** One request, and the connection is closed, as the app's is. */
export async function askSluice(port: number): Promise<void> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  await new Admin(connection).ping();
  connection.close();
}

export const REST_COLUMNS: readonly string[] = [
  "program",
  "ready ms",
  "first answer ms",
  "RSS MiB",
  "PSS MiB",
  "anonymous MiB",
  "threads",
  "CPU ms of the start",
  "CPU ms of 2 s idle",
  "foreign CPU, most",
];

/** The row of a table below REST_COLUMNS. */
export function restRow(name: string, rests: readonly Rest[]): string {
  const of = (figure: (rest: Rest) => number) => withRange(rests.map(figure), digits);
  return tableRow([
    name,
    of((rest) => rest.readyMs),
    of((rest) => rest.answeredMs),
    of((rest) => rest.memory.residentMib),
    of((rest) => rest.memory.proportionalMib),
    of((rest) => rest.memory.anonymousMib),
    of((rest) => rest.threads),
    of((rest) => rest.startCpuMs),
    of((rest) => rest.idleCpuMs),
    percent(Math.max(...rests.map((rest) => rest.foreignShare))),
  ]);
}
