/** CPU and memory of both sides: this process by itself, the broker by its counters. */

import process from "node:process";
import type { Admin } from "../../client/admin.ts";

export interface Usage {
  readonly cpuMs: number;
  /** Resident. */
  readonly bytes: number;
}

export interface BothUsage {
  readonly client: Usage;
  /** Null where the broker does not say. */
  readonly broker: Usage | null;
}

export async function sampleBoth(admin: Admin): Promise<BothUsage> {
  const { user, system } = process.cpuUsage();
  const client = { cpuMs: (user + system) / 1000, bytes: process.memoryUsage().rss };
  const counters = await admin.stats();
  const cpuMs = valueOf(counters, "process_cpu_ms_total");
  const bytes = valueOf(counters, "process_resident_bytes");
  return { client, broker: cpuMs === null || bytes === null ? null : { cpuMs, bytes } };
}

/** The value of a counter, or null when the broker has none of that name. */
export function valueOf(
  counters: readonly { readonly name: string; readonly value: number }[],
  name: string,
): number | null {
  return counters.find((counter) => counter.name === name)?.value ?? null;
}
