/**
 * What groups may find: for each group and partition everything that was asked for, in order, and
 * the first of it that may still be what the group has.
 *
 *     attempts   5   9   -   12        - a deletion
 *                    ^ floor: answered, or shown by a fetch
 *
 * Invariant: what is shown is the attempt at the floor or one behind it; before the first one it is
 * nothing.
 */
import { violated } from "./violation.ts";

export class Attempt {
  readonly place: Place;
  /** Every commit of a schedule has another offset; null: a deletion. */
  readonly offset: number | null;
  isRefused = false;

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
  }

  /** What the group has, as a fetch says. */
  shown(offset: number | null): void {
    const { attempts, floor } = this;
    const name = `${this.group} in ${this.topic}-${this.partition}`;
    const known = attempts.findIndex((attempt) => attempt.offset === offset);
    if (offset !== null && known < 0) violated("O2", `${name}: ${offset} is of no topic that is`);
    if (offset !== null && attempts[known]!.isRefused) {
      violated("O3", `${name}: ${offset} was refused`);
    }
    if (offset === null && floor < 0) return;
    const at = attempts.findIndex((attempt, index) => {
      return index >= floor && attempt.offset === offset;
    });
    if (at < 0) violated("O1", `${name}: ${offset} is older than ${attempts[floor]?.offset}`);
    this.floor = at;
  }
}
