/** The verdict of a bench: one object, which `--json` prints, and the same as text. */

import { levelName } from "../../format/levels.ts";
import type { Later, Tails } from "../bench.ts";
import type { BenchCommand } from "../bench_command.ts";
import { type Figures, summarize, type Summary } from "./figures.ts";
import type { Faults } from "./reader.ts";
import { type BothUsage, valueOf } from "./usage.ts";

/** What the loading phase gave. */
export interface RunResult {
  readonly acknowledged: Figures;
  readonly late: Figures;
  readonly sent: number;
  readonly level: number;
  /** How long was measured; less than what was wanted when a signal came. */
  readonly seconds: number;
  readonly usage: { readonly before: BothUsage; readonly after: BothUsage };
  readonly broker: string;
  readonly address: string;
}

interface Use {
  readonly cpuSeconds: number;
  /** Of one core, 100: all of it. */
  readonly cpuPercent: number;
  readonly residentMiB: number;
}

export interface BenchReport {
  readonly broker: string;
  readonly address: string;
  readonly load: Record<string, string | number>;
  /** How long was measured. */
  readonly seconds: number;
  /** A signal came before the end: less was measured than `load` says. */
  readonly isCutShort: boolean;
  /** The weakest level that an acknowledgement named. */
  readonly level: string;
  readonly acknowledged: Summary;
  readonly late: Summary;
  /** Null without consumers. */
  readonly tail: Summary | null;
  readonly catchUp: CatchUp | null;
  readonly client: Use;
  readonly brokerUse: Use | null;
  /** CPU time of the broker for each record that was acknowledged. */
  readonly brokerCpuUsPerRecord: number | null;
  readonly sent: number;
  readonly verified: number;
  readonly expected: number;
  readonly faults: Record<string, number>;
  /** Whether everything was found as it was sent. */
  readonly isSound: boolean;
}

interface CatchUp {
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Share of the bytes that came from the page cache; null where the broker does not say. */
  readonly warmShare: number | null;
}

export function reportOf(
  command: BenchCommand,
  result: RunResult,
  tails: Tails,
  later: Later,
  isCutShort: boolean,
): BenchReport {
  const { seconds } = result;
  const checks = [
    ...tails.readers.map(({ reader, expected = 0 }) => ({ reader, expected })),
    ...later.readers,
  ];
  const verified = sum(checks.map(({ reader }) => reader.records));
  const expected = sum(checks.map((check) => check.expected));
  const faults = mergeFaults(checks.map(({ reader }) => reader.faults));
  const { before, after } = result.usage;
  const acknowledged = summarize(result.acknowledged, seconds);
  const brokerUse = useOf(before.broker, after.broker, seconds);
  return {
    broker: result.broker,
    address: result.address,
    load: loadOf(command),
    seconds,
    isCutShort,
    level: levelName(result.level),
    acknowledged,
    late: summarize(result.late, seconds),
    tail: tails.readers.length === 0 ? null : summarize(tails.figures, seconds),
    catchUp: catchUpOf(later),
    client: useOf(before.client, after.client, seconds)!,
    brokerUse,
    brokerCpuUsPerRecord: brokerUse === null || acknowledged.records === 0
      ? null
      : brokerUse.cpuSeconds * 1e6 / acknowledged.records,
    sent: result.sent,
    verified,
    expected,
    faults,
    isSound: verified === expected && Object.keys(faults).length === 0,
  };
}

function loadOf(command: BenchCommand): Record<string, string | number> {
  const { size, batch, producers, inFlight, consumers, partitions, seconds, warmUp, acks } =
    command;
  const rate = command.rate === Infinity ? "max" : command.rate;
  const config = command.config.map(({ key, value }) => `${key}=${value}`).join(" ");
  return {
    rate,
    size,
    batch,
    producers,
    inFlight,
    consumers,
    partitions,
    seconds,
    warmUp,
    acks,
    config,
  };
}

function useOf(
  before: BothUsage["broker"],
  after: BothUsage["broker"],
  seconds: number,
): Use | null {
  if (before === null || after === null) return null;
  const cpuSeconds = (after.cpuMs - before.cpuMs) / 1000;
  return {
    cpuSeconds,
    cpuPercent: cpuSeconds / seconds * 100,
    residentMiB: after.bytes / 1048576,
  };
}

function catchUpOf({ readers, seconds, before, after }: Later): CatchUp | null {
  if (readers.length === 0) return null;
  const grown = (name: string): number | null => {
    const [from, to] = [valueOf(before, name), valueOf(after, name)];
    return from === null || to === null ? null : to - from;
  };
  const hits = grown("cache_hit_bytes_total");
  const misses = grown("cache_miss_bytes_total");
  const isKnown = hits !== null && misses !== null && hits + misses > 0;
  const records = sum(readers.map(({ reader }) => reader.records));
  return {
    records,
    recordsPerSecond: records / seconds,
    megabytesPerSecond: sum(readers.map(({ reader }) => reader.bytes)) / 1e6 / seconds,
    warmShare: isKnown ? hits / (hits + misses) : null,
  };
}

function mergeFaults(all: readonly Faults[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const faults of all) {
    for (const [kind, count] of faults) merged[kind] = (merged[kind] ?? 0) + count;
  }
  return merged;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** For people. */
export function reportText(report: BenchReport): string {
  const { load, tail, catchUp } = report;
  const lines = [
    `broker   ${report.broker} at ${report.address}`,
    `load     ${loadText(load)}`,
    ...(report.isCutShort ? [`measured ${report.seconds.toFixed(1)} s: a signal came`] : []),
    `level    ${report.level} (acks=${load["acks"]}${load["config"] ? `, ${load["config"]}` : ""})`,
    "",
    HEAD,
    summaryLine("acknowledged", report.acknowledged),
    ...(tail === null ? [] : [summaryLine("read at the tail", tail)]),
    summaryLine("sent too late by", report.late),
    "",
    ...(catchUp === null ? [] : [`catch-up ${catchUpText(catchUp)}`]),
    `client   ${useText(report.client)}`,
    `broker   ${brokerText(report)}`,
    `content  ${verdict(report)}`,
  ];
  return lines.join("\n");
}

const HEAD =
  "                      records   records/s     MB/s   p50 ms   p90 ms   p99 ms p99.9 ms" +
  "   max ms";

function summaryLine(name: string, summary: Summary): string {
  const { records, recordsPerSecond, megabytesPerSecond } = summary;
  const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = summary;
  const latencies = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((value) => {
    return value.toFixed(2).padStart(9);
  });
  return name.padEnd(18) + String(records).padStart(11) +
    recordsPerSecond.toFixed(0).padStart(12) + megabytesPerSecond.toFixed(2).padStart(9) +
    latencies.join("");
}

function loadText(load: BenchReport["load"]): string {
  const rate = load["rate"] === "max"
    ? "as many records as are acknowledged"
    : `${load["rate"]} records/s`;
  return `${rate} of ${load["size"]} bytes, batches of at most ${load["batch"]}, ` +
    `${load["producers"]} producers (${load["inFlight"]} batches in flight), ` +
    `${load["consumers"]} consumers, ${load["partitions"]} partitions, ${load["seconds"]} s ` +
    `after ${load["warmUp"]} s of warming up`;
}

function catchUpText(
  { records, recordsPerSecond, megabytesPerSecond, warmShare }: CatchUp,
): string {
  const warm = warmShare === null
    ? "warm or cold is not known"
    : `${(warmShare * 100).toFixed(1)} % from the page cache (${temperature(warmShare)})`;
  return `${records} records, ${recordsPerSecond.toFixed(0)} records/s, ` +
    `${megabytesPerSecond.toFixed(1)} MB/s, ${warm}`;
}

function temperature(warmShare: number): string {
  if (warmShare > 0.99) return "warm";
  return warmShare < 0.01 ? "cold" : "partly cold";
}

function useText({ cpuSeconds, cpuPercent, residentMiB }: Use): string {
  return `${cpuSeconds.toFixed(2)} s CPU (${cpuPercent.toFixed(0)} % of a core), ` +
    `${residentMiB.toFixed(0)} MiB resident`;
}

function brokerText({ brokerUse, brokerCpuUsPerRecord }: BenchReport): string {
  if (brokerUse === null) return "does not say what it uses";
  const each = brokerCpuUsPerRecord === null
    ? ""
    : `, ${brokerCpuUsPerRecord.toFixed(1)} µs CPU a record`;
  return `${useText(brokerUse)}${each}`;
}

function verdict({ sent, verified, expected, faults, isSound }: BenchReport): string {
  if (expected === 0) return `${sent} records sent, none of them was read`;
  if (isSound) return `${sent} records sent, ${verified} read and verified by hash chain`;
  const kinds = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`).join(", ");
  const missing = expected - verified;
  return `WRONG: of ${expected} records to read ${verified} came (${missing} missing)` +
    (kinds === "" ? "" : `; ${kinds}`);
}
