/**
 * What a transfer says on standard error: a bar while it runs, when that is a terminal, and one
 * line at the end.
 *
 *     [############------------]  51%  512.0 MB  430 MB/s
 */

import { isTerminal, terminalColumns } from "./environment.ts";
import { printError } from "./output.ts";

const REDRAW_MS = 100;
const BAR_COLUMNS = 24;
const MEGABYTE = 1e6;

export class Progress {
  readonly #totalBytes: number | null;
  readonly #shown: boolean;
  readonly #startedMs: number = performance.now();
  #drawnMs = 0;

  /** `totalBytes` is null when nobody knows. */
  constructor(totalBytes: number | null, shown: boolean = isTerminal("stderr")) {
    this.#totalBytes = totalBytes;
    this.#shown = shown;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** Draws the bar, if it is time. */
  update(doneBytes: number): void {
    if (!this.#shown) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const text = progressText(doneBytes, this.#totalBytes, this.elapsedMs);
    const columns = terminalColumns("stderr") ?? text.length;
    printError(`\r\x1b[K${text.slice(0, columns)}`);
  }

  /** Removes the bar. */
  clear(): void {
    if (this.#shown && this.#drawnMs > 0) printError("\r\x1b[K");
  }
}

export function progressText(
  doneBytes: number,
  totalBytes: number | null,
  elapsedMs: number,
): string {
  const done = `${(doneBytes / MEGABYTE).toFixed(1)} MB  ${rateText(doneBytes, elapsedMs)}`;
  if (totalBytes === null || totalBytes === 0) return done;
  const share = Math.min(1, doneBytes / totalBytes);
  const filled = Math.floor(share * BAR_COLUMNS);
  const bar = "#".repeat(filled) + "-".repeat(BAR_COLUMNS - filled);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)}%  ${done}`;
}

/** `N records, N bytes, N s, N MB/s`. */
export function summaryText(records: number, bytes: number, elapsedMs: number): string {
  const seconds = (elapsedMs / 1000).toFixed(2);
  const counted = `${records} record${records === 1 ? "" : "s"}`;
  return `${counted}, ${bytes} bytes, ${seconds} s, ${rateText(bytes, elapsedMs)}`;
}

function rateText(bytes: number, elapsedMs: number): string {
  const perSecond = elapsedMs > 0 ? bytes / MEGABYTE / (elapsedMs / 1000) : 0;
  return `${perSecond.toFixed(perSecond < 10 ? 2 : 0)} MB/s`;
}
