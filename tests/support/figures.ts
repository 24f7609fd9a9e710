/**
 * Figures that a proof found, for docs/LEDGER.md. They go to standard error as lines that begin
 * with `figure: `, so that a runner can pick them out of everything else a test prints.
 */
import { writeSync } from "node:fs";
import { PAIR } from "./pair.ts";

const STDERR = 2;

/** `of`: what was measured, where that is not the pair of runtimes. */
export function figure(text: string, of: string = PAIR): void {
  writeSync(STDERR, `figure: ${of}: ${text}\n`);
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MiB`;
}
