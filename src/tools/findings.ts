/**
 * What `verify` says: one line per finding.
 *
 *     damage   orders-0/00000000000000000000.log at 4096, offsets 9 to 13: the checksum …
 *     warning  …                 something is wrong that loses nothing, or was to be expected
 *     unread   …                 could not be read, so nothing is known about it
 *     note     …                 nothing is wrong, but a reader will wonder
 *
 * Invariant: a file that is wrong from end to end gives a few lines and a count, not a line per
 * entry.
 */

import type { Severity } from "../base/verify_event.ts";
import { safe } from "./text.ts";

export type { Severity } from "../base/verify_event.ts";

export interface Finding {
  readonly severity: Severity;
  /** Of the file or directory, relative to the data directory. */
  readonly path: string;
  /** Of the first byte in the file. */
  readonly position?: number;
  readonly offsets?: { readonly first: number; readonly last: number };
  readonly text: string;
  /** What to do; empty where there is nothing. */
  readonly advice: string;
}

/** Findings of one path and severity that are told one by one. */
const TOLD_MAX = 10;

export class Findings {
  readonly counts: Record<Severity, number> = { damage: 0, warning: 0, unread: 0, note: 0 };
  readonly #tell: (finding: Finding) => void;
  readonly #perPath: Map<string, number> = new Map();

  constructor(tell: (finding: Finding) => void) {
    this.#tell = tell;
  }

  add(finding: Finding): void {
    this.counts[finding.severity] += 1;
    const key = `${finding.severity} ${finding.path}`;
    const count = (this.#perPath.get(key) ?? 0) + 1;
    this.#perPath.set(key, count);
    if (count <= TOLD_MAX) this.#tell(finding);
  }

  /** Tells how many were not told; called when a path gets no more. */
  settle(): void {
    for (const [key, count] of this.#perPath) {
      if (count <= TOLD_MAX) continue;
      const at = key.indexOf(" ");
      const severity = key.slice(0, at) as Severity;
      const text = `${count - TOLD_MAX} more of this kind`;
      this.#tell({ severity, path: key.slice(at + 1), text, advice: "" });
    }
    this.#perPath.clear();
  }
}

/** One line. */
export function findingText(finding: Finding): string {
  const { severity, path, position, offsets, text, advice } = finding;
  const where = position === undefined ? "" : ` at ${position}`;
  const what = offsets === undefined ? "" : `, ${offsetsText(offsets.first, offsets.last)}`;
  const next = advice === "" ? "" : `; ${advice}`;
  return safe(`${severity.padEnd(7)}  ${path}${where}${what}: ${text}${next}`);
}

export function offsetsText(first: number, last: number): string {
  return first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
}
