/**
 * What a partition must know of its idempotent producers, from the log alone: of each the epoch
 * and the last five batches.
 *
 * Of batches that a start found below the log start it may know more or less: the snapshot that
 * knew them may be gone. There every answer is right.
 */
import type { Entry } from "./model.ts";

const WINDOW = 5;

export type Expected = "taken" | "refused" | "any" | Entry;

/** What of a batch its producer numbers. */
export interface Numbered {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly records: number;
}

interface Known {
  epoch: number;
  window: Entry[];
}

export class ProducerModel {
  readonly known: Map<number, Known> = new Map();
  /** Batches below it may have been forgotten. */
  #vagueBelow = 0;

  append(entry: Entry): void {
    const { producerId, producerEpoch } = entry.attempt;
    if (producerId < 0) return;
    let known = this.known.get(producerId);
    if (known === undefined || known.epoch !== producerEpoch) {
      known = { epoch: producerEpoch, window: [] };
      this.known.set(producerId, known);
    }
    known.window.push(entry);
    if (known.window.length > WINDOW) known.window.shift();
  }

  rebuild(entries: readonly Entry[]): void {
    this.known.clear();
    for (let i = 0; i < entries.length; i += 1) this.append(entries[i]!);
  }

  /** After a start: what lies below the log start may be known or not. */
  restart(entries: readonly Entry[], logStart: number): void {
    this.#vagueBelow = logStart;
    this.rebuild(entries);
  }

  isVague(entry: Entry): boolean {
    return entry.base < this.#vagueBelow;
  }

  /** What must become of a batch that is sent now; an entry: it is a duplicate of that one. */
  expect({ producerId, producerEpoch, sequence, records }: Numbered): Expected {
    if (producerId < 0) return "taken";
    const known = this.known.get(producerId);
    if (known === undefined) return "taken";
    const last = known.window[known.window.length - 1]!;
    if (this.isVague(last)) return "any";
    if (producerEpoch < known.epoch) return "refused";
    if (producerEpoch > known.epoch) return sequence === 0 ? "taken" : "refused";
    for (const entry of known.window) {
      if (entry.attempt.sequence !== sequence || entry.attempt.records !== records) continue;
      return this.isVague(entry) ? "any" : entry;
    }
    return sequence === last.attempt.sequence + last.attempt.records ? "taken" : "refused";
  }
}
