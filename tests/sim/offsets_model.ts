/**
 * What groups may find: for each group and partition everything that was asked for, in order, and
 * the first of it that may still be what the group has.
 *
 *     attempts   5   9   -   12        - a deletion
 *                    ^ floor: answered, or shown by a fetch
 *
 * A start settles what the life before it has left open: what it does not find is gone, for good.
 * What the disk refused may be found by a start, at its place; in its own life it is not shown.
 *
 * Invariant: what is shown is the attempt at the floor or one behind it; before the first one it is
 * nothing.
 */
import { violated } from "./violation.ts";

/** The broker refused it: it is never shown. The disk did: not before the next start. */
type Refusal = "none" | "broker" | "disk";

export class Attempt {
  readonly place: Place;
  /** Every commit of a schedule has another offset; null: a deletion. */
  readonly offset: number | null;
  refusal: Refusal = "none";
  /** A start did not find it. */
  isGone = false;

  constructor(place: Place, offset: number | null) {
    this.place = place;
    this.offset = offset;
  }

  answered(): void {
    const at = this.place.attempts.indexOf(this); // -1: its topic is gone
    this.place.floor = Math.max(this.place.floor, at);
  }
}

export class Place {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  attempts: Attempt[] = [];
  floor = -1;
  /** So many of them are of lives that have ended, and no start has settled them. */
  #open = 0;

  constructor(group: string, topic: string, partition: number) {
    this.group = group;
    this.topic = topic;
    this.partition = partition;
  }

  attempt(offset: number | null): Attempt {
    const attempt = new Attempt(this, offset);
    this.attempts.push(attempt);
    return attempt;
  }

  /** The topic is another one now, or none: nothing of it counts. */
  forget(): void {
    this.attempts = [];
    this.floor = -1;
    this.#open = 0;
  }

  /** The process has ended. */
  crashed(): void {
    for (const attempt of this.attempts) if (attempt.refusal === "disk") attempt.refusal = "none";
    this.#open = this.attempts.length;
  }

  /** What the group has, as a fetch says. */
  shown(offset: number | null): void {
    this.#check(offset);
    for (const attempt of this.attempts.slice(0, this.#open)) {
      if (attempt.offset !== offset) attempt.isGone = true;
    }
    this.#open = 0;
  }

  #check(offset: number | null): void {
    const { attempts, floor } = this;
    const name = `${this.group} in ${this.topic}-${this.partition}`;
    const known = attempts.find((attempt) => attempt.offset === offset);
    if (offset !== null) {
      if (known === undefined) return violated("O2", `${name}: ${offset} is of no topic that is`);
      if (known.refusal !== "none") violated("O3", `${name}: ${offset} was refused`);
      if (known.isGone) violated("O4", `${name}: ${offset} was gone and is back`);
    }
    if (offset === null && floor < 0) return;
    const at = attempts.findIndex((attempt, index) => {
      return index >= floor && attempt.offset === offset && !attempt.isGone;
    });
    if (at < 0) violated("O1", `${name}: ${offset} is older than ${attempts[floor]?.offset}`);
    this.floor = at;
  }
}
