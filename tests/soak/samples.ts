/**
 * Samples of a soak: every ten seconds what the system says of the broker's process, what the
 * broker says of itself, and what its clients measured. Kept as lines of JSON, appended, so that
 * a killed soak loses none.
 */
import { execFile } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Measured, Quantiles } from "./latencies.ts";

export interface Sample {
  /** Seconds of soak before it, over all lives of the soak. */
  readonly seconds: number;
  /** Starts of the broker so far. */
  readonly start: number;
  /** Seconds since the broker was started. */
  readonly up: number;
  readonly rssBytes: number;
  readonly anonymousBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Share of one core since the sample before, of the broker and of the load. */
  readonly brokerCpu: number;
  readonly loadCpu: number;
  /** Records acknowledged and bytes appended a second since the sample before. */
  readonly recordsPerSecond: number;
  readonly ackFsync: Quantiles | null;
  readonly ackOs: Quantiles | null;
  readonly seenFsync: Quantiles | null;
  readonly seenOs: Quantiles | null;
  /** Those counters of `stats` that are levels and not sums, by name. */
  readonly levels: Readonly<Record<string, number>>;
}

const TICKS_PER_SECOND = 100;

interface ProcessFigures {
  readonly rssBytes: number;
  readonly anonymousBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly cpuSeconds: number;
}

export class Sampler {
  readonly #path: string;
  #beforeMs = performance.now();
  #brokerSeconds = 0;
  #loadSeconds = cpuOfLoad();
  #records = 0;
  #pid = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async take(
    broker: { pid: number; start: number; upSeconds: number },
    seconds: number,
    records: number,
    stats: ReadonlyMap<string, number>,
    measured: Measured,
  ): Promise<Sample | null> {
    const figures = await figuresOf(broker.pid);
    if (figures === null) return null;
    const nowMs = performance.now();
    const passed = (nowMs - this.#beforeMs) / 1000;
    const loadSeconds = cpuOfLoad();
    const sameProcess = broker.pid === this.#pid;
    const levels = [...stats].filter(([name]) => !name.endsWith("_total"));
    const { rssBytes, anonymousBytes, descriptors, threads, cpuSeconds } = figures;
    const sample = {
      seconds: rounded(seconds),
      start: broker.start,
      up: rounded(broker.upSeconds),
      ...{ rssBytes, anonymousBytes, descriptors, threads },
      brokerCpu: sameProcess ? rounded((cpuSeconds - this.#brokerSeconds) / passed) : 0,
      loadCpu: rounded((loadSeconds - this.#loadSeconds) / passed),
      recordsPerSecond: rounded((records - this.#records) / passed),
      ackFsync: measured.ackFsync.take(),
      ackOs: measured.ackOs.take(),
      seenFsync: measured.seenFsync.take(),
      seenOs: measured.seenOs.take(),
      levels: Object.fromEntries(levels),
    };
    this.#beforeMs = nowMs;
    this.#brokerSeconds = cpuSeconds;
    this.#loadSeconds = loadSeconds;
    this.#records = records;
    this.#pid = broker.pid;
    appendFileSync(this.#path, `${JSON.stringify(sample)}\n`);
    return sample;
  }
}

export function readSamples(path: string): Sample[] {
  if (!existsSync(path)) return [];
  const samples: Sample[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    try {
      if (line !== "") samples.push(JSON.parse(line));
    } catch {
      // The line that a kill cut.
    }
  }
  return samples;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function cpuOfLoad(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** By programs of the system: under Deno /proc wants permissions that the tests do not have. */
async function figuresOf(pid: number): Promise<ProcessFigures | null> {
  const command = `cat /proc/${pid}/status /proc/${pid}/stat && ls /proc/${pid}/fd | wc -l`;
  const text = await new Promise<string>((resolve) => {
    execFile("sh", ["-c", command], (error, stdout) => resolve(error === null ? stdout : ""));
  });
  const field = (name: string): number => {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? NaN);
  };
  // Behind the name, which may hold anything, the 12th and 13th fields are the times.
  const stat = /^\d+ \(.*\) (.*)$/m.exec(text)?.[1]?.split(" ");
  const descriptors = Number(/(\d+)\s*$/.exec(text)?.[1] ?? NaN);
  if (stat === undefined || Number.isNaN(descriptors)) return null;
  return {
    rssBytes: field("VmRSS") * 1024,
    anonymousBytes: field("RssAnon") * 1024,
    threads: field("Threads"),
    descriptors,
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND,
  };
}
