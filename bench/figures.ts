/**
 * The figures of a run that goals and tables speak of, each from what the load generator said.
 *
 * Invariant: what was not measured is NaN, never 0.
 */
import type { Measured } from "./servers.ts";

export type FigureName =
  | "bytes/s"
  | "batches/s"
  | "p99"
  | "CPU per GB"
  | "CPU per million"
  | "records per sync"
  | "disk reads";

/** CPU seconds of the server for 10^9 bytes, and for 10^6 requests. */
const cpuPerGb = (run: Measured) => run.serverCpuSeconds / (run.bytes / 1e9);
const cpuPerMillion = (run: Measured) => run.serverCpuSeconds / (run.operations / 1e6);

export const FIGURES: Readonly<Record<FigureName, (run: Measured) => number>> = {
  "bytes/s": (run) => run.bytesPerSecond,
  "batches/s": (run) => run.operationsPerSecond,
  "p99": (run) => run.p99Us,
  "CPU per GB": cpuPerGb,
  "CPU per million": cpuPerMillion,
  "records per sync": recordsPerSync,
  "disk reads": (run) => run.diskReadMib,
};

/**
 * The share of the machine that neither the server nor the load used. The kernel's own workers
 * are in it, also those that run the syncs.
 */
export function foreignShare(run: Measured, cores: number): number {
  const ours = run.serverCpuSeconds + run.loadCpuSeconds;
  return Math.max(0, run.machineCpuSeconds - ours) / (run.seconds * cores);
}

/** Over the whole run, warm-up included: the counters are read before and after it. */
function recordsPerSync(run: Measured): number {
  const records = run.counters?.["appended_records_total"] ?? NaN;
  const syncs = run.counters?.["sync_groups_total"] ?? 0;
  return syncs > 0 ? records / syncs : NaN;
}
