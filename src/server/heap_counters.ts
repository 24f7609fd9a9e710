/**
 * What the runtime says of this thread's heap. Collections are told where we ask for them
 * ourselves: V8 says nothing of its own.
 *
 * Invariant: a number that the runtime does not give is left out, not told as 0.
 */

import type { Collector } from "./garbage.ts";

interface HeapUsage {
  readonly heapUsed: number;
  readonly heapTotal: number;
}

interface Runtime {
  readonly Bun?: object;
  readonly Deno?: { memoryUsage(): HeapUsage };
  readonly process?: { memoryUsage(): HeapUsage };
}

const runtime = globalThis as Runtime;

export function heapCounters(): { name: string; value: number }[] {
  const usage = runtime.Deno?.memoryUsage() ?? runtime.process?.memoryUsage();
  if (usage === undefined) return [];
  return [
    { name: "heap_used_bytes", value: usage.heapUsed },
    { name: "heap_total_bytes", value: usage.heapTotal },
  ];
}

export function collectionCounters({ young, whole }: Collector): { name: string; value: number }[] {
  if (runtime.Bun === undefined) return [];
  return [
    { name: "collections_young_total", value: young },
    { name: "collections_whole_total", value: whole },
  ];
}
