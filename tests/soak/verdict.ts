/**
 * What the samples of a soak say: whether memory, descriptors or threads grow while the broker
 * serves. A restart makes a new process, so growth is looked for within each start: the slope is
 * that of one line through all starts, each from its own level.
 */
import type { Sample } from "./samples.ts";

/** The first so many seconds of a start fill caches, pools and compiled code. */
const WARM_UP_SECONDS = 300;
const WARM_UP_SHARE = 0.4;
/** Fewer hours of one start say nothing about growth. */
const HOURS_MIN = 0.03;
const MiB = 1048576;

export interface Slope {
  /** Per hour. */
  readonly perHour: number;
  /** Standard error of it. */
  readonly error: number;
  readonly hours: number;
}

export interface Verdict {
  readonly lines: readonly string[];
  readonly findings: readonly string[];
}

/** Growth per hour, and over the longest start, above which it is a finding. */
const LIMITS = {
  anonymousBytes: { perHour: 16 * MiB, inAll: 48 * MiB },
  descriptors: { perHour: 8, inAll: 24 },
  threads: { perHour: 4, inAll: 8 },
} as const;

export function judge(samples: readonly Sample[]): Verdict {
  const warm = samples.filter((sample) => sample.up >= warmUp(samples, sample.start));
  const lines: string[] = [];
  const findings: string[] = [];
  for (const name of ["anonymousBytes", "descriptors", "threads"] as const) {
    const slope = slopeOf(warm, (sample) => sample[name] - taken(sample, name));
    const scale = name === "anonymousBytes" ? MiB : 1;
    const unit = name === "anonymousBytes" ? " MiB" : "";
    const values = warm.map((sample) => sample[name] / scale);
    const text = `${name}: ${Math.min(...values).toFixed(1)} to ` +
      `${Math.max(...values).toFixed(1)}${unit}, slope ${(slope.perHour / scale).toFixed(1)} ± ` +
      `${(slope.error / scale).toFixed(1)}${unit} an hour over ${slope.hours.toFixed(2)} h`;
    lines.push(text);
    if (slope.hours < HOURS_MIN) continue;
    const { perHour, inAll } = LIMITS[name];
    // Growing for sure, and by more than it may: a short soak cannot tell a slope from a wave.
    const grows = slope.perHour - 2 * slope.error > perHour;
    if (grows && slope.perHour * slope.hours > inAll / 4) findings.push(`it grows: ${text}`);
    if (slope.perHour * slope.hours > inAll) findings.push(`it grew: ${text}`);
  }
  return { lines: [...lines, ...latencyLines(warm)], findings };
}

/** Descriptors of connections come and go with the clients. */
function taken(sample: Sample, name: keyof typeof LIMITS): number {
  return name === "descriptors" ? sample.levels["connections"] ?? 0 : 0;
}

function warmUp(samples: readonly Sample[], start: number): number {
  const last = samples.findLast((sample) => sample.start === start)!;
  return Math.min(WARM_UP_SECONDS, last.up * WARM_UP_SHARE);
}

/** Least squares within starts: every start has a level of its own, all have one slope. */
export function slopeOf(samples: readonly Sample[], valueOf: (sample: Sample) => number): Slope {
  let xx = 0;
  let xy = 0;
  let yy = 0;
  let hours = 0;
  const starts = [...new Set(samples.map(({ start }) => start))];
  for (const start of starts) {
    const own = samples.filter((sample) => sample.start === start);
    const x = own.map(({ seconds }) => seconds / 3600);
    const y = own.map(valueOf);
    const xMean = mean(x);
    const yMean = mean(y);
    hours = Math.max(hours, x[x.length - 1]! - x[0]!);
    own.forEach((_, i) => {
      xx += (x[i]! - xMean) ** 2;
      xy += (x[i]! - xMean) * (y[i]! - yMean);
      yy += (y[i]! - yMean) ** 2;
    });
  }
  if (xx === 0) return { perHour: 0, error: Infinity, hours };
  const perHour = xy / xx;
  const freedom = Math.max(1, samples.length - starts.length - 1);
  const error = Math.sqrt(Math.max(0, yy - perHour * xy) / freedom / xx);
  return { perHour, error, hours };
}

function latencyLines(samples: readonly Sample[]): string[] {
  return (["ackFsync", "seenFsync", "ackOs", "seenOs"] as const).map((name) => {
    const p50 = samples.flatMap((sample) => sample[name]?.p50Ms ?? []);
    const p99 = samples.flatMap((sample) => sample[name]?.p99Ms ?? []);
    return `${name}: median of the samples' p50 ${median(p50).toFixed(2)} ms, of their p99 ` +
      `${median(p99).toFixed(2)} ms, highest p99 ${Math.max(0, ...p99).toFixed(1)} ms`;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
