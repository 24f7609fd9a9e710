/** Medians, spreads and how figures are written. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN };
}

/** Three significant digits, with k, M or G above a thousand. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "-";
  for (const [factor, letter] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]] as const) {
    if (Math.abs(value) >= factor) return digits(value / factor) + letter;
  }
  return digits(value);
}

export function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** `median (min–max)`. */
export function withRange(values: readonly number[], format: (value: number) => string): string {
  const { median, min, max } = spread(values);
  return `${format(median)} (${format(min)}–${format(max)})`;
}

export function percent(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value * 100)} %` : "-";
}
