/**
 * The samples of a soak as one SVG: panels below each other over a common axis of time, each with
 * an axis, its unit and a legend, and a dashed line at every restart. No library.
 */
import type { Sample } from "./samples.ts";

interface Line {
  readonly name: string;
  readonly color: string;
  /** NaN where a sample says nothing. */
  readonly valueOf: (sample: Sample) => number;
}

interface Panel {
  readonly title: string;
  readonly logarithmic: boolean;
  readonly lines: readonly Line[];
}

const WIDTH = 900;
const LEFT = 70;
const RIGHT = 20;
const TOP = 44;
const PANEL_HEIGHT = 150;
const PANEL_GAP = 46;
const MiB = 1048576;
const BLUE = "#1f6fb4";
const ORANGE = "#d9730d";
const GREEN = "#3b8f4a";
const RED = "#c0392b";

const PANELS: readonly Panel[] = [
  {
    title: "memory of the broker, MiB",
    logarithmic: false,
    lines: [
      { name: "resident", color: BLUE, valueOf: (s) => s.rssBytes / MiB },
      { name: "anonymous", color: ORANGE, valueOf: (s) => s.anonymousBytes / MiB },
    ],
  },
  {
    title: "descriptors, threads, connections",
    logarithmic: false,
    lines: [
      { name: "descriptors", color: BLUE, valueOf: (s) => s.descriptors },
      { name: "threads", color: ORANGE, valueOf: (s) => s.threads },
      { name: "connections", color: GREEN, valueOf: (s) => s.levels["connections"] ?? NaN },
    ],
  },
  {
    title: "bytes lent by the pools and unsynced, KiB",
    logarithmic: false,
    lines: [
      { name: "lent", color: BLUE, valueOf: (s) => (s.levels["pool_lent_bytes"] ?? NaN) / 1024 },
      {
        name: "unsynced",
        color: ORANGE,
        valueOf: (s) => (s.levels["unsynced_bytes"] ?? NaN) / 1024,
      },
    ],
  },
  {
    title: "produce to acknowledgement, ms (fsync and os)",
    logarithmic: true,
    lines: [
      { name: "fsync p50", color: BLUE, valueOf: (s) => s.ackFsync?.p50Ms ?? NaN },
      { name: "fsync p99", color: RED, valueOf: (s) => s.ackFsync?.p99Ms ?? NaN },
      { name: "os p50", color: GREEN, valueOf: (s) => s.ackOs?.p50Ms ?? NaN },
      { name: "os p99", color: ORANGE, valueOf: (s) => s.ackOs?.p99Ms ?? NaN },
    ],
  },
  {
    title: "produce to the consumer's hand, ms (fsync and os)",
    logarithmic: true,
    lines: [
      { name: "fsync p50", color: BLUE, valueOf: (s) => s.seenFsync?.p50Ms ?? NaN },
      { name: "fsync p99", color: RED, valueOf: (s) => s.seenFsync?.p99Ms ?? NaN },
      { name: "os p50", color: GREEN, valueOf: (s) => s.seenOs?.p50Ms ?? NaN },
      { name: "os p99", color: ORANGE, valueOf: (s) => s.seenOs?.p99Ms ?? NaN },
    ],
  },
  {
    title: "processor, % of one core",
    logarithmic: false,
    lines: [
      { name: "broker", color: BLUE, valueOf: (s) => s.brokerCpu * 100 },
      { name: "load and checks", color: ORANGE, valueOf: (s) => s.loadCpu * 100 },
    ],
  },
];

/** Pauses of the loop, where the broker counts them. */
const LAG_PANEL: Panel = {
  title: "longest pauses of the loop, ms (by the broker's counters)",
  logarithmic: true,
  lines: [],
};
const LAG_COLORS = [BLUE, RED, GREEN, ORANGE];
const LAG = /_lag_(p50|p99|p999|max)?_?(us|ms|ns)?/;

/** The whole picture. */
export function plot(title: string, samples: readonly Sample[]): string {
  const panels = [...PANELS, ...lagPanels(samples)];
  const height = TOP + panels.length * (PANEL_HEIGHT + PANEL_GAP) + 10;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="24" font-size="16" fill="#222">${title}</text>`,
  ];
  panels.forEach((panel, index) => {
    parts.push(...drawPanel(panel, samples, TOP + index * (PANEL_HEIGHT + PANEL_GAP) + 18));
  });
  return [...parts, "</svg>", ""].join("\n");
}

function lagPanels(samples: readonly Sample[]): Panel[] {
  const names = Object.keys(samples[samples.length - 1]?.levels ?? {}).filter((name) => {
    return LAG.test(name) && !name.includes("count");
  });
  if (names.length === 0) return [];
  const lines = names.slice(0, LAG_COLORS.length).map((name, index) => {
    const perMs = name.endsWith("_us") ? 1000 : name.endsWith("_ns") ? 1e6 : 1;
    const valueOf = (sample: Sample): number => (sample.levels[name] ?? NaN) / perMs;
    return { name, color: LAG_COLORS[index]!, valueOf };
  });
  return [{ ...LAG_PANEL, lines }];
}

interface Axis {
  readonly ticks: readonly number[];
  /** 0 at the bottom, 1 at the top. */
  readonly share: (value: number) => number;
}

function drawPanel(panel: Panel, samples: readonly Sample[], top: number): string[] {
  const values = samples.flatMap((sample) => panel.lines.map((line) => line.valueOf(sample)))
    .filter((value) => Number.isFinite(value));
  const axis = panel.logarithmic ? logarithmic(values) : linear(values);
  const seconds = samples[samples.length - 1]?.seconds ?? 1;
  const x = (at: number): number => LEFT + at / seconds * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => top + PANEL_HEIGHT * (1 - axis.share(value));
  const bottom = top + PANEL_HEIGHT;
  const parts = [`<text x="${LEFT}" y="${top - 6}" fill="#222">${panel.title}</text>`];
  for (const tick of axis.ticks) {
    const at = fixed(y(tick));
    parts.push(
      `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#e3e3e3"/>`,
      `<text x="${LEFT - 6}" y="${at + 4}" text-anchor="end" fill="#555">${tickText(tick)}</text>`,
    );
  }
  for (const tick of timeTicks(seconds)) {
    parts.push(
      `<text x="${fixed(x(tick))}" y="${bottom + 15}" text-anchor="middle" fill="#555">` +
        `${tick / 60} min</text>`,
    );
  }
  for (const restart of restarts(samples)) {
    const at = fixed(x(restart));
    parts.push(`<path d="M${at} ${top}V${bottom}" stroke="#999" stroke-dasharray="4 3"/>`);
  }
  parts.push(`<path d="M${LEFT} ${top}V${bottom}H${WIDTH - RIGHT}" stroke="#555" fill="none"/>`);
  panel.lines.forEach((line, index) => {
    parts.push(drawLine(line, samples, x, y), drawLegend(line, panel.lines.length - index, top));
  });
  return parts;
}

function drawLine(
  line: Line,
  samples: readonly Sample[],
  x: (seconds: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let pen = "M";
  let start = -1;
  for (const sample of samples) {
    const value = line.valueOf(sample);
    if (!Number.isFinite(value) || sample.start !== start) pen = "M";
    start = sample.start;
    if (!Number.isFinite(value)) continue;
    path += `${pen}${fixed(x(sample.seconds))} ${fixed(y(value))}`;
    pen = "L";
  }
  return `<path d="${path}" stroke="${line.color}" fill="none" stroke-width="1.2"/>`;
}

function drawLegend(line: Line, fromRight: number, top: number): string {
  const at = WIDTH - RIGHT - fromRight * 112;
  return `<path d="M${at} ${top - 10}h16" stroke="${line.color}" stroke-width="3"/>` +
    `<text x="${at + 21}" y="${top - 6}" fill="#222">${line.name}</text>`;
}

function linear(values: readonly number[]): Axis {
  const step = niceStep(Math.max(1, ...values) / 4);
  const top = Math.ceil(Math.max(1, ...values) / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { ticks, share: (value) => value / top };
}

function logarithmic(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(1, ...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1, ...positive))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const share = (value: number): number => {
    return Math.max(0, (Math.log10(Math.max(value, 1e-9)) - low) / (high - low));
  };
  return { ticks, share };
}

/** 1, 2 or 5 times a power of ten, at or above `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least)!;
}

function timeTicks(seconds: number): number[] {
  const step = [60, 120, 300, 600, 1200, 1800, 3600].find((at) => seconds / at <= 10) ?? 7200;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

function restarts(samples: readonly Sample[]): number[] {
  return samples.filter((sample, index) => index > 0 && sample.start !== samples[index - 1]!.start)
    .map(({ seconds }) => seconds);
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10;
}
