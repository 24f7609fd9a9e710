/**
 * What was tried and what was seen, while a broker was under load: the evidence that the checker
 * judges.
 *
 *     producer   attempt (place, producer, sequences, hashes)  -> acked at offset, failed, unknown
 *     consumer   sighting (place, offset, hash) and ends (log start, visible end)
 *
 * A *place* is one partition, numbered through all topics of a load. A *session* is the life of one
 * connection of a producer: what it sent on a place is executed in order. `at` counts events.
 *
 * Invariant: an attempt is written down before its bytes leave, and its outcome is set once.
 */

export type Outcome = "pending" | "acked" | "failed" | "unknown";

/** One batch, sent once. */
export interface Attempt {
  readonly place: number;
  readonly producer: number;
  readonly session: number;
  /** Number of the broker's start. */
  readonly life: number;
  /** Sequence of the first record. */
  readonly first: number;
  /** Of each record. */
  readonly hashes: readonly number[];
  /** An idempotent producer sends it again until it is acknowledged. */
  readonly idempotent: boolean;
  outcome: Outcome;
  /** Where it was acknowledged; otherwise -1. */
  baseOffset: number;
  /** Name of the broker's error. */
  error: string;
  sentAt: number;
  settledAt: number;
}

/** A record that a consumer was given. */
export interface Sighting {
  readonly who: string;
  readonly at: number;
  readonly place: number;
  readonly offset: number;
  readonly hash: number;
}

/** The ends of a partition as a reply said them. */
export interface Ends {
  readonly who: string;
  readonly at: number;
  readonly place: number;
  readonly logStart: number;
  readonly visibleEnd: number;
}

export class History {
  readonly attempts: Attempt[] = [];
  /** Taken out by the checker, so that a long run does not keep them twice. */
  sightings: Sighting[] = [];
  ends: Ends[] = [];
  /** Number of the broker's start; counted by who starts it. */
  life = 0;
  #at = 0;
  #sessions = 0;

  /** The number of the next event. */
  now(): number {
    this.#at += 1;
    return this.#at;
  }

  newSession(): number {
    this.#sessions += 1;
    return this.#sessions;
  }

  begin(
    what: Pick<Attempt, "place" | "producer" | "session" | "first" | "hashes" | "idempotent">,
  ): Attempt {
    const attempt: Attempt = {
      ...what,
      life: this.life,
      outcome: "pending",
      baseOffset: -1,
      error: "",
      sentAt: this.now(),
      settledAt: -1,
    };
    this.attempts.push(attempt);
    return attempt;
  }

  settle(attempt: Attempt, outcome: Outcome, baseOffset: number, error: string): void {
    if (attempt.outcome !== "pending") throw new Error("an attempt has one outcome");
    attempt.outcome = outcome;
    attempt.baseOffset = baseOffset;
    attempt.error = error;
    attempt.settledAt = this.now();
  }

  get ackedRecords(): number {
    return this.attempts.filter(({ outcome }) => outcome === "acked")
      .reduce((sum, { hashes }) => sum + hashes.length, 0);
  }
}
