/**
 * Judges a history against what a partition holds: the invariants of the project by number.
 *
 *     C1 acked is readable at its offset   C6 order per producer         C11 wire = files = index
 *     C2 byte-equal                        C7 an offset never changes    C12 dropped stays dropped
 *     C3 offsets without a gap             C8 a prefix of the attempts   C13 no ack after a storage
 *     C4 nothing that nobody sent          C9 ends never move back           error
 *     C5 at most once                      (C10: committed offsets, when there are any)
 *
 * It keeps what it has seen from one crash to the next, so that one checker sits through a whole
 * proof. C14, the control, is a job that must make C1 fail: `lost` counts.
 *
 * Invariant: `violations` stays empty as long as nothing was wrong; each begins with its number.
 */
import type { Attempt, History } from "./history.ts";
import type { ReadRecord } from "./records.ts";

/** All of one partition, as one source gave it. */
export interface Reading {
  readonly place: number;
  /** For people: topic, partition, and where it was read. */
  readonly name: string;
  readonly logStart: number;
  /** One above the last offset that is said to be there. */
  readonly end: number;
  readonly records: readonly ReadRecord[];
}

const VIOLATIONS_KEPT = 40;
const STORAGE_ERRORS: ReadonlySet<string> = new Set(["storage_failed", "partition_degraded"]);

/** What is remembered of one partition. */
class Place {
  /** Hash by offset, as it was first seen by anybody. */
  readonly known: number[] = [];
  readonly attempts: Attempt[] = [];
  /** Of each record that was attempted: its hash. */
  readonly hashes: Map<number, number> = new Map();
  /** Records that a recovery dropped. */
  readonly gone: Set<number> = new Set();
  /**
   * Where a batch was stored, by its first record: of those whose attempt may have no offset,
   * because its answer was lost. A log start above it explains that nothing of it is there.
   */
  readonly stored: Map<number, number> = new Map();
  logStart = 0;
  end = 0;
  /** By consumer. */
  readonly ends: Map<string, { logStart: number; visibleEnd: number }> = new Map();
}

export class Checker {
  readonly violations: string[] = [];
  /** Acknowledged records that were not where they should be, in all readings. */
  lost = 0;
  /** Records compared. */
  compared = 0;
  readonly #history: History;
  readonly #places: Map<number, Place> = new Map();
  #indexed = 0;

  constructor(history: History) {
    this.#history = history;
  }

  /**
   * Nobody produces: everything that is there, by place. `isRecovered`: the broker was started
   * again since the load, and what it does not show is gone for good. Else what was written and
   * could not be synced is only out of sight.
   */
  judge(readings: readonly Reading[], isRecovered: boolean = true): void {
    this.#index();
    this.#judgeSightings();
    for (const reading of readings) this.#judgeReading(reading, isRecovered);
  }

  /** Two ways to read one partition say the same. */
  compare(one: Reading, other: Reading): void {
    const count = Math.max(one.records.length, other.records.length);
    if (one.logStart !== other.logStart || one.end !== other.end) {
      const ends = `${one.logStart} to ${one.end}, ${other.logStart} to ${other.end}`;
      this.violate("C11", one, `${other.name} has other ends: ${ends}`);
    }
    for (let i = 0; i < count; i += 1) {
      const [first, second] = [one.records[i], other.records[i]];
      if (first?.offset === second?.offset && first?.hash === second?.hash) continue;
      const at = `${first?.offset} and ${second?.offset}`;
      this.violate("C11", one, `${other.name} differs at record ${i}: offsets ${at}`);
      return;
    }
  }

  violate(id: string, reading: { readonly name: string }, what: string): void {
    if (this.violations.length < VIOLATIONS_KEPT) {
      this.violations.push(`${id} ${reading.name}: ${what}`);
    }
  }

  #place(number: number): Place {
    let place = this.#places.get(number);
    if (place === undefined) this.#places.set(number, place = new Place());
    return place;
  }

  /** Takes in the attempts since the last time. */
  #index(): void {
    const { attempts } = this.#history;
    for (; this.#indexed < attempts.length; this.#indexed += 1) {
      const attempt = attempts[this.#indexed]!;
      const place = this.#place(attempt.place);
      place.attempts.push(attempt);
      if (attempt.outcome === "acked" && attempt.idempotent) {
        place.stored.set(idOf(attempt, 0), attempt.baseOffset);
      }
      attempt.hashes.forEach((hash, i) => place.hashes.set(idOf(attempt, i), hash));
    }
  }

  #judgeSightings(): void {
    for (const { who, at, place: number, offset, hash } of this.#history.sightings) {
      const { known } = this.#place(number);
      const before = known[offset] ??= hash;
      if (before === hash) continue;
      this.violate("C7", { name: who }, `place ${number}, offset ${offset} changed (event ${at})`);
    }
    for (const { who, at, place: number, logStart, visibleEnd } of this.#history.ends) {
      const place = this.#place(number);
      const before = place.ends.get(who) ?? { logStart: 0, visibleEnd: 0 };
      if (logStart < before.logStart || visibleEnd < before.visibleEnd) {
        const moved = `${before.logStart}-${before.visibleEnd} to ${logStart}-${visibleEnd}`;
        this.violate("C9", { name: who }, `place ${number} went back, ${moved} (event ${at})`);
      }
      place.ends.set(who, { logStart, visibleEnd });
      place.logStart = Math.max(place.logStart, logStart);
      place.end = Math.max(place.end, visibleEnd);
    }
    this.#history.sightings = [];
    this.#history.ends = [];
  }

  #judgeReading(reading: Reading, isRecovered: boolean): void {
    const place = this.#place(reading.place);
    const offsets = this.#judgeRecords(reading, place);
    this.#judgeAcked(reading, place);
    const absent = this.#judgeSessions(reading, place, offsets);
    if (isRecovered) { for (const id of absent) place.gone.add(id); }
    this.#judgeErrors(reading, place);
    if (reading.logStart < place.logStart || reading.end < place.end) {
      const now = `${reading.logStart} to ${reading.end}`;
      this.violate("C9", reading, `was ${place.logStart} to ${place.end}, is ${now}`);
    }
    place.logStart = Math.max(place.logStart, reading.logStart);
    place.end = Math.max(place.end, reading.end);
  }

  /** Record by record: C2 to C7 and C12. Gives back where each record that was sent lies. */
  #judgeRecords(reading: Reading, place: Place): Map<number, number> {
    const offsets: Map<number, number> = new Map();
    const last: Map<number, number> = new Map();
    let expected = reading.logStart;
    for (const record of reading.records) {
      const { offset, hash, producer, sequence } = record;
      const said = `offset ${offset}, producer ${producer}, sequence ${sequence}`;
      if (offset !== expected) this.violate("C3", reading, `${said}: expected ${expected}`);
      expected = offset + 1;
      const id = idOf({ producer, first: sequence }, 0);
      const sent = place.hashes.get(id);
      if (sent === undefined || record.place !== reading.place) {
        this.violate("C4", reading, `${said}: nobody sent it here`);
      } else if (sent !== hash) this.violate("C2", reading, `${said}: not as it was sent`);
      if (offsets.has(id)) this.violate("C5", reading, `${said}: also at ${offsets.get(id)}`);
      else if (sequence <= (last.get(producer) ?? -1)) {
        this.violate("C6", reading, `${said}: behind ${last.get(producer)}`);
      }
      if ((place.known[offset] ??= hash) !== hash) this.violate("C7", reading, `${said}: changed`);
      if (place.gone.has(id)) this.violate("C12", reading, `${said}: it was dropped before`);
      offsets.set(id, offset);
      last.set(producer, Math.max(sequence, last.get(producer) ?? -1));
    }
    if (expected !== reading.end) {
      this.violate("C3", reading, `ends at ${expected}, not at ${reading.end}`);
    }
    this.compared += reading.records.length;
    return offsets;
  }

  #judgeAcked(reading: Reading, place: Place): void {
    const { records, logStart } = reading;
    for (const attempt of place.attempts) {
      if (attempt.outcome !== "acked") continue;
      for (let i = 0; i < attempt.hashes.length; i += 1) {
        const offset = attempt.baseOffset + i;
        if (offset < logStart) continue;
        const record = records[offset - logStart];
        const right = record?.offset === offset && record.producer === attempt.producer &&
          record.sequence === attempt.first + i;
        if (right) continue;
        this.lost += 1;
        const said = `producer ${attempt.producer}, sequence ${attempt.first + i}`;
        this.violate("C1", reading, `${said} was acknowledged at ${offset} and is not there`);
      }
    }
  }

  /**
   * What one connection sent is there up to some batch, and nothing of what follows. Gives back the
   * records that are not there and will not be sent again.
   */
  #judgeSessions(
    reading: Reading,
    place: Place,
    offsets: ReadonlyMap<number, number>,
  ): readonly number[] {
    const absent: number[] = [];
    const holes: Map<number, Attempt> = new Map();
    for (const attempt of place.attempts) {
      const { producer, session, first, hashes, outcome } = attempt;
      if (outcome === "pending") throw new Error("the load was not ended before the judgement");
      const at = outcome === "acked" ? attempt.baseOffset : place.stored.get(idOf(attempt, 0));
      if (at !== undefined && at < reading.logStart) continue;
      if (isCut(attempt, reading.logStart, offsets)) continue;
      const there = hashes.filter((_, i) => offsets.has(idOf(attempt, i))).length;
      const said = `producer ${producer}, sequences from ${first}`;
      const hole = holes.get(session);
      if (there !== 0 && there !== hashes.length) {
        this.violate("C8", reading, `${said}: ${there} of ${hashes.length} records of a batch`);
      } else if (there !== 0 && hole !== undefined) {
        this.violate("C8", reading, `${said} is there, ${hole.first} before it is not`);
      }
      if (there === hashes.length && outcome !== "acked") {
        place.stored.set(idOf(attempt, 0), offsets.get(idOf(attempt, 0))!);
      }
      // What was refused by name need not be there, and what follows it may.
      if (there === 0 && outcome !== "failed" && hole === undefined) holes.set(session, attempt);
      if (there !== 0 || outcome === "acked" || attempt.idempotent) continue;
      hashes.forEach((_, i) => absent.push(idOf(attempt, i)));
    }
    return absent;
  }

  /** C13: once a place has failed, nothing is acknowledged there until the next start. */
  #judgeErrors(reading: Reading, place: Place): void {
    const failedAt: Map<string, number> = new Map();
    const bySession = ({ life, session }: Attempt): string => `${life} ${session}`;
    for (const attempt of place.attempts) {
      if (attempt.outcome !== "failed" || !STORAGE_ERRORS.has(attempt.error)) continue;
      for (const key of [`${attempt.life}`, bySession(attempt)]) {
        failedAt.set(key, Math.min(attempt.settledAt, failedAt.get(key) ?? Infinity));
      }
    }
    if (failedAt.size === 0) return;
    for (const attempt of place.attempts) {
      if (attempt.outcome !== "acked") continue;
      // Replies of two connections may overtake each other on their way, those of one may not.
      const late = attempt.sentAt > (failedAt.get(`${attempt.life}`) ?? Infinity) ||
        attempt.settledAt > (failedAt.get(bySession(attempt)) ?? Infinity);
      if (!late) continue;
      const said = `producer ${attempt.producer}, sequences from ${attempt.first}`;
      this.violate("C13", reading, `${said} acknowledged after a storage error`);
    }
  }
}

/**
 * The log start lies inside the batch: its first records are deleted, the next one is the first of
 * the log. An attempt that was refused, of a batch that was taken later, has no offset to tell so.
 */
function isCut(batch: Attempt, logStart: number, offsets: ReadonlyMap<number, number>): boolean {
  const isThere = batch.hashes.map((_, i) => offsets.has(idOf(batch, i)));
  const kept = isThere.indexOf(true);
  if (kept <= 0 || isThere.includes(false, kept)) return false;
  return logStart > 0 && offsets.get(idOf(batch, kept)) === logStart;
}

/** Of the record `index` of a batch: one number that no other record of its place has. */
function idOf(batch: { readonly producer: number; readonly first: number }, index: number): number {
  return batch.producer * 4294967296 + batch.first + index;
}
