/**
 * From runs to the table for docs/LEDGER.md.
 *
 *     pair = { ours, limit }    its ratio = ours / limit, so that drift of the machine cancels
 *
 * Invariant: a column that could not be measured says "-", never 0.
 */
import { type Environment, environmentLines, tableHead, tableRow } from "./environment.ts";
import type { Scenario } from "./scenarios.ts";
import type { Measured, ServerName } from "./servers.ts";
import { digits, percent, short, spread, withRange } from "./statistics.ts";

export interface Run {
  readonly server: ServerName;
  readonly measured: Measured;
}

export interface Pair {
  readonly ours: Run;
  readonly limit: Run;
}

export interface Result {
  readonly scenario: Scenario;
  readonly runtime: ServerName;
  readonly pairs: readonly Pair[];
  /** Pairs that other programs disturbed and that are not among `pairs`. */
  readonly disturbed: number;
}

export function throughput(scenario: Scenario, measured: Measured): number {
  return scenario.unit === "bytes" ? measured.bytesPerSecond : measured.operationsPerSecond;
}

/** CPU seconds of the server for 10^9 bytes. */
export function cpuPerGigabyte(measured: Measured): number {
  return measured.serverCpuSeconds / (measured.bytes / 1e9);
}

export function cpuPerMillion(measured: Measured): number {
  return measured.serverCpuSeconds / (measured.operations / 1e6);
}

/**
 * The share of the machine that neither the server nor the load used. The kernel's own workers
 * are in it, also those that run the syncs.
 */
export function foreignShare(measured: Measured, cores: number): number {
  const ours = measured.serverCpuSeconds + measured.loadCpuSeconds;
  return Math.max(0, measured.machineCpuSeconds - ours) / (measured.seconds * cores);
}

/** Over the whole run, warm-up included: the counters are read before and after it. */
export function recordsPerSync(measured: Measured): number {
  const records = measured.counters?.["appended_records_total"] ?? NaN;
  const syncs = measured.counters?.["sync_groups_total"] ?? 0;
  return syncs > 0 ? records / syncs : NaN;
}

const COLUMNS = [
  "scenario",
  "level",
  "log and cache",
  "runtime",
  "Sluice /s",
  "C /s",
  "ratio",
  "p99 µs Sluice",
  "p99 µs C",
  "p99 ratio",
  "CPU s/GB Sluice, C",
  "CPU s/M requests Sluice, C",
  "records/sync Sluice, C",
  "peak MiB Sluice, C",
  "foreign CPU, most",
  "pairs, left out",
];

export function renderReport(environment: Environment, results: readonly Result[]): string {
  const lines = [
    ...environmentLines(environment),
    "- Each figure: median (lowest–highest) of the alternating pairs; the ratio is of a pair,",
    "  Sluice / C.",
    "- CPU is user + system of the server process with all its threads. The kernel workers that",
    "  run AIO syncs are not in it; they are in the foreign CPU.",
    "",
    ...tableHead(COLUMNS),
    ...results.map((result) => tableRow(cells(result, environment.cores))),
  ];
  return lines.join("\n") + "\n";
}

function cells({ scenario, runtime, pairs, disturbed }: Result, cores: number): string[] {
  const ours = pairs.map((pair) => pair.ours.measured);
  const limit = pairs.map((pair) => pair.limit.measured);
  const speed = (measured: Measured) => throughput(scenario, measured);
  const unit = (value: number) => short(value) + (scenario.unit === "bytes" ? "B" : "");
  const ratioOf = (of: (measured: Measured) => number) =>
    pairs.map((pair) => of(pair.ours.measured) / of(pair.limit.measured));
  const both = (of: (measured: Measured) => number) =>
    `${digits(median(ours.map(of)))}, ${digits(median(limit.map(of)))}`;
  const foreign = [...ours, ...limit].map((measured) => foreignShare(measured, cores));
  return [
    scenario.title,
    scenario.level,
    scenario.cache,
    runtime,
    withRange(ours.map(speed), unit),
    withRange(limit.map(speed), unit),
    withRange(ratioOf(speed), digits),
    withRange(ours.map((measured) => measured.p99Us), digits),
    withRange(limit.map((measured) => measured.p99Us), digits),
    withRange(ratioOf((measured) => measured.p99Us), digits),
    both(cpuPerGigabyte),
    both(cpuPerMillion),
    both(recordsPerSync),
    `${digits(peak(pairs, "ours"))}, ${digits(peak(pairs, "limit"))}`,
    percent(Math.max(...foreign)),
    `${pairs.length}, ${disturbed}`,
  ];
}

function median(values: readonly number[]): number {
  return spread(values).median;
}

function peak(pairs: readonly Pair[], which: "ours" | "limit"): number {
  return Math.max(...pairs.map((pair) => pair[which].measured.serverPeakMib));
}
