/**
 * What the world knows of the logs without asking the broker: every batch that was sent, where it
 * was taken, what was answered, and how far it must survive which crash.
 *
 *     attempt     a batch as a producer sends it, also when it sends it again
 *     entry       an attempt taken at an offset, in an epoch; the log is a list of entries
 *     ghost       an entry that a failed write took back: it may come back or not, at its place
 *
 *     0 ------ log start ------ durableEnd ------ writtenEnd ------ end
 *                               any crash         a kill            nothing
 *
 * Invariant: entries are dense; durableEnd only rises.
 */
import type { ConfigEntry } from "../../src/format/topic_config.ts";
import { Level } from "../../src/format/levels.ts";
import { ProducerModel } from "./producer_model.ts";

export interface Attempt {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly records: number;
  readonly timestamp: number;
  readonly client: Client | null;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  /** Where it is taken now; null: nowhere, or no more. */
  entry: Entry | null;
  /** The offset that an answer gave, or -1. */
  ackedAt: number;
  /** A recovery that was finished did not find it, and it was not sent again since. */
  dropped: boolean;
  /** Of the scan that saw it last, to see what comes twice. */
  seenBy: number;
}

export interface Entry {
  readonly attempt: Attempt;
  readonly base: number;
  readonly end: number;
  /** Node epoch of the process that took it. */
  readonly epoch: number;
  /** Wall clock when it was taken. */
  readonly takenMs: number;
}

/** A producer that numbers its batches, or (-1) one that does not. */
export class Client {
  producerId: number;
  epoch = 0;
  sequence = 0;
  /** Sent and not answered, oldest first. */
  readonly waiting: Attempt[] = [];
  /** How many of them, the oldest, were sent to a process that has ended. */
  lost = 0;

  constructor(producerId: number) {
    this.producerId = producerId;
  }

  /** It begins again: what was not answered is never sent any more. */
  beginAgain(): void {
    this.epoch += 1;
    this.sequence = 0;
    this.waiting.length = 0;
    this.lost = 0;
  }

  /** The process it sent to has ended: nothing is answered any more. */
  disconnect(): void {
    this.lost = this.waiting.length;
  }
}

export class PartitionModel {
  readonly topic: string;
  readonly index: number;
  level: Level;
  /** Everything taken that is not known to be lost, from offset 0 on. */
  entries: Entry[] = [];
  readonly ghosts: Entry[] = [];
  readonly producers: ProducerModel = new ProducerModel();
  readonly clients: Client[] = [];
  durableEnd = 0;
  writtenEnd = 0;
  /** Published: it never goes back. */
  logStart = 0;
  /** The highest that anybody or any setting asked for. */
  logStartWanted = 0;
  /** Below it consumers have seen records before the topic got level fsync. */
  shownBefore = 0;
  /** (epoch, base offset) of what was ever written, and which attempt it was. */
  readonly #places: Map<number, Attempt> = new Map();

  constructor(topic: string, index: number, level: Level) {
    this.topic = topic;
    this.index = index;
    this.level = level;
  }

  get name(): string {
    return `${this.topic}-${this.index}`;
  }

  get end(): number {
    return this.entries[this.entries.length - 1]?.end ?? 0;
  }

  take(attempt: Attempt, base: number, epoch: number, takenMs: number): Entry {
    const entry = { attempt, base, end: base + attempt.records, epoch, takenMs };
    attempt.entry = entry;
    attempt.dropped = false;
    attempt.ackedAt = -1; // an answer to an earlier one, now forgotten, says nothing any more
    this.entries.push(entry);
    this.producers.append(entry);
    return entry;
  }

  /** False when another batch has had this offset in this epoch. */
  claimPlace(entry: Entry): boolean {
    const place = entry.epoch * 2 ** 32 + entry.base;
    const before = this.#places.get(place);
    this.#places.set(place, entry.attempt);
    return before === undefined || before === entry.attempt;
  }

  /** A failed write took back what lies at or above `end`. */
  rollBack(end: number): void {
    if (this.end <= end) return;
    while (this.end > end) {
      const entry = this.entries.pop()!;
      this.#places.delete(entry.epoch * 2 ** 32 + entry.base);
      entry.attempt.entry = null;
      this.ghosts.push(entry);
    }
    this.producers.rebuild(this.entries);
  }

  /** The entry that holds the offset, or null. */
  find(offset: number): Entry | null {
    const at = this.indexOf(offset);
    return at < 0 ? null : this.entries[at]!;
  }

  indexOf(offset: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.end <= offset) low = middle + 1;
      else high = middle;
    }
    return low < this.entries.length && this.entries[low]!.base <= offset ? low : -1;
  }

  promise(end: number): void {
    if (end > this.durableEnd) this.durableEnd = end;
  }

  /** Consumers were shown what lies below `end`. */
  shown(end: number): void {
    if (this.level === Level.fsync && end > this.shownBefore) this.promise(end);
  }

  /** From now on; consumers see what lies below `visibleEnd`. */
  changeLevel(level: Level, visibleEnd: number): void {
    if (level === Level.fsync && this.level !== level) this.shownBefore = visibleEnd;
    this.level = level;
  }

  /** How far the log must reach after a crash that `kept` the page cache, or did not. */
  mustReach(kept: boolean): number {
    return kept ? Math.max(this.durableEnd, this.writtenEnd) : this.durableEnd;
  }
}

/** What was answered, and what was asked for since and not answered: a start finds one of them. */
export class Asked<T> {
  answered: T;
  #pending: T[] = [];

  constructor(answered: T) {
    this.answered = answered;
  }

  ask(value: T): void {
    this.#pending.push(value);
  }

  /** It was answered, or a start has found it: nothing else is to be found from now on. */
  settle(value: T): void {
    this.answered = value;
    this.#pending = [];
  }

  /** What was asked for last was refused: it is not to be found. */
  refuse(): void {
    this.#pending.pop();
  }

  allows(value: T): boolean {
    const text = JSON.stringify(value);
    return [this.answered, ...this.#pending].some((one) => JSON.stringify(one) === text);
  }

  get text(): string {
    const pending = this.#pending.map((value) => JSON.stringify(value)).join(" or ");
    return JSON.stringify(this.answered) + (pending === "" ? "" : `, or ${pending}`);
  }
}

export class TopicModel {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: PartitionModel[] = [];
  readonly settings: Asked<readonly ConfigEntry[]>;
  readonly sizes: Asked<number>;

  constructor(name: string, topicId: string, settings: readonly ConfigEntry[], size: number) {
    this.name = name;
    this.topicId = topicId;
    this.settings = new Asked(settings);
    this.sizes = new Asked(size);
  }

  /** Has so many partitions, all of them of this level. */
  grow(size: number, level: Level): void {
    this.sizes.settle(size);
    while (this.partitions.length < size) {
      this.partitions.push(new PartitionModel(this.name, this.partitions.length, level));
    }
  }
}

/** All topics. What was asked and not answered may be, or not be. */
export class Model {
  readonly attempts: Attempt[] = [];
  readonly topics: Map<string, TopicModel> = new Map();
  /** Names whose creation or deletion was not answered: either way is right at the next start. */
  readonly inDoubt: Set<string> = new Set();
  /** Ids of topics whose deletion was answered. */
  readonly deleted: Set<string> = new Set();
  #scans = 0;

  /** All partitions, in the order in which their topics were made. */
  get partitions(): PartitionModel[] {
    return [...this.topics.values()].flatMap(({ partitions }) => partitions);
  }

  partition(topic: string, index: number): PartitionModel | null {
    return this.topics.get(topic)?.partitions[index] ?? null;
  }

  add(attempt: Omit<Attempt, "number" | "entry" | "ackedAt" | "dropped" | "seenBy">): Attempt {
    const number = this.attempts.length;
    const made = { ...attempt, number, entry: null, ackedAt: -1, dropped: false, seenBy: 0 };
    this.attempts.push(made);
    return made;
  }

  nextScan(): number {
    this.#scans += 1;
    return this.#scans;
  }

  /** Nothing that was sent is answered any more. */
  disconnect(): void {
    for (const { clients } of this.partitions) {
      for (const client of clients) client.disconnect();
    }
  }
}
