/** How many schedules met what: the simulation proves nothing about what it never comes to. */

/** What one schedule has really met. */
export interface Stats {
  operations: number;
  crashes: number;
  powerCuts: number;
  tornTails: number;
  zeroTails: number;
  crashesInRecovery: number;
  cleanStops: number;
  rolls: number;
  segmentsDeleted: number;
  checkpoints: number;
  deletions: number;
  alterations: number;
  growths: number;
  coldWaits: number;
  coldFailures: number;
  duplicates: number;
  storageErrors: number;
  calls: number;
}

export function emptyStats(): Stats {
  return {
    operations: 0,
    crashes: 0,
    powerCuts: 0,
    tornTails: 0,
    zeroTails: 0,
    crashesInRecovery: 0,
    cleanStops: 0,
    rolls: 0,
    segmentsDeleted: 0,
    checkpoints: 0,
    deletions: 0,
    alterations: 0,
    growths: 0,
    coldWaits: 0,
    coldFailures: 0,
    duplicates: 0,
    storageErrors: 0,
    calls: 0,
  };
}

/** What of the statistics is counted, and what it is called. */
const KINDS: readonly (readonly [keyof Stats, string])[] = [
  ["tornTails", "a torn tail"],
  ["zeroTails", "a zero tail"],
  ["rolls", "a roll"],
  ["segmentsDeleted", "retention"],
  ["checkpoints", "a checkpoint"],
  ["deletions", "a topic deletion"],
  ["alterations", "a change of settings"],
  ["growths", "added partitions"],
  ["crashesInRecovery", "a crash in recovery"],
  ["powerCuts", "a power cut"],
  ["cleanStops", "a clean stop"],
  ["coldWaits", "a wait for cold bytes"],
  ["coldFailures", "a cold read that failed"],
  ["duplicates", "a duplicate"],
  ["storageErrors", "a storage error"],
];

export interface Met {
  schedules: number;
  operations: number;
  crashes: number;
  calls: number;
  fewestOperations: number;
  fewestCrashes: number;
  /** Schedules that met it, by its name. */
  readonly kinds: Record<string, number>;
}

export function emptyMet(): Met {
  const kinds = Object.fromEntries(KINDS.map(([, name]) => [name, 0]));
  const fewest = { fewestOperations: Infinity, fewestCrashes: Infinity };
  return { schedules: 0, operations: 0, crashes: 0, calls: 0, ...fewest, kinds };
}

export function meet(met: Met, stats: Stats): void {
  met.schedules += 1;
  met.operations += stats.operations;
  met.crashes += stats.crashes;
  met.calls += stats.calls;
  met.fewestOperations = Math.min(met.fewestOperations, stats.operations);
  met.fewestCrashes = Math.min(met.fewestCrashes, stats.crashes);
  for (const [key, name] of KINDS) if (stats[key] > 0) met.kinds[name]! += 1;
}

export function addMet(sum: Met, part: Met): void {
  sum.schedules += part.schedules;
  sum.operations += part.operations;
  sum.crashes += part.crashes;
  sum.calls += part.calls;
  sum.fewestOperations = Math.min(sum.fewestOperations, part.fewestOperations);
  sum.fewestCrashes = Math.min(sum.fewestCrashes, part.fewestCrashes);
  for (const [name, count] of Object.entries(part.kinds)) sum.kinds[name]! += count;
}

/** Lines for people. */
export function metText(met: Met): string[] {
  const { schedules, operations, crashes, calls, kinds } = met;
  const parts = Object.entries(kinds).map(([name, count]) => `${name} ${count}`);
  return [
    `${schedules} schedules, ${operations} operations (at least ${met.fewestOperations} each), ` +
    `${crashes} crashes (at least ${met.fewestCrashes}), ${calls} system calls`,
    `schedules that met ${parts.join(", ")}`,
  ];
}
