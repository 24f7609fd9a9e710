/**
 * Judges one partition while it is written and read, with memory that does not grow: what was seen
 * is kept in a window, everything before it only as a chain of checksums.
 *
 *     acked    offset -> producer, sequence         until the tail reader comes by
 *     window   the last 16,384 records read         for acknowledgements that come later
 *     anchors  the last 512 of (offset, chain)      a second reading must give the same chain
 *
 * Judged: offsets are dense and only grow; what was acknowledged stands where the acknowledgement
 * said; each producer's sequences come in order and once, with gaps only where it never heard
 * an answer; the visible end is never below what was acknowledged; and bytes once shown are shown
 * again.
 *
 * Invariant: `violations` holds the first few of all that was found wrong, in words.
 */
import { crc32 } from "node:zlib";
import type { ReadBatch } from "./wire.ts";

const WINDOW = 16384;
const ANCHORS_MAX = 512;
const ANCHOR_EVERY = 64;
const ACKED_MAX = 8192;
const SKIPPED_MAX = 1024;
const VIOLATIONS_MAX = 20;

interface Acked {
  readonly producer: number;
  readonly first: number;
}

export interface Anchor {
  readonly offset: number;
  readonly chain: number;
}

/** A range of sequences that may be missing (`unknown`) or must be (`refused`). */
interface Skipped {
  readonly producer: number;
  readonly first: number;
  readonly end: number;
  readonly refused: boolean;
}

export class Ledger {
  readonly name: string;
  readonly violations: string[] = [];
  readonly anchors: Anchor[] = [];
  /** Next offset of the tail reader; -1 before it began. */
  readEnd = -1;
  ackedRecords = 0;
  readRecords = 0;
  /** One above the highest offset that was acknowledged. */
  ackedEnd = 0;
  #chain = 0;
  /** Where the tail reader began. */
  #from = 0;
  #anchorAt = 0;
  readonly #acked: Map<number, Acked> = new Map();
  readonly #seenOffset: Float64Array = new Float64Array(WINDOW).fill(-1);
  readonly #seenSequence: Float64Array = new Float64Array(WINDOW);
  readonly #seenProducer: Float64Array = new Float64Array(WINDOW);
  readonly #next: Map<number, number> = new Map();
  /** Those of this life: what of the others had no answer is not known any more. */
  readonly #own: Set<number> = new Set();
  #skipped: Skipped[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** A producer whose first sequence is 0; of others only the order is known. */
  expect(producer: number): void {
    this.#next.set(producer, 0);
    this.#own.add(producer);
  }

  /** Acknowledgements that the tail reader has not come by. */
  get unread(): number {
    return this.#acked.size;
  }

  acknowledged(baseOffset: number, producer: number, first: number, count: number): void {
    this.ackedRecords += count;
    this.ackedEnd = Math.max(this.ackedEnd, baseOffset + count);
    if (baseOffset >= this.readEnd) {
      if (this.#acked.has(baseOffset)) this.violate(`two batches acknowledged at ${baseOffset}`);
      this.#acked.set(baseOffset, { producer, first });
      if (this.#acked.size > ACKED_MAX) this.violate("the tail reader does not come by");
      return;
    }
    const slot = baseOffset % WINDOW;
    if (this.#seenOffset[slot] !== baseOffset) return; // left the window: an answer that late
    if (this.#seenProducer[slot] === producer && this.#seenSequence[slot] === first) return;
    this.violate(`acknowledged at ${baseOffset}: ${producer}/${first}, but that is not there`);
  }

  /** No answer came, or (`refused`) the broker said that it was not taken. */
  notAcknowledged(producer: number, first: number, count: number, refused: boolean): void {
    this.#skipped.push({ producer, first, end: first + count, refused });
    if (this.#skipped.length > SKIPPED_MAX) this.violate("too many batches without an answer");
  }

  /** The tail reader begins or goes on at `offset`; what lies between was deleted. */
  readFrom(offset: number): void {
    if (this.readEnd >= 0 && offset !== this.readEnd) {
      this.violate(`the log begins at ${offset}, and ${this.readEnd} was not read yet`);
    }
    this.readEnd = offset;
    this.#from = offset;
    this.#anchorAt = offset;
  }

  /** Batches as the tail reader was given them, in `bytes`. */
  read(batches: readonly ReadBatch[], bytes: Uint8Array): void {
    for (const batch of batches) {
      if (batch.baseOffset >= this.#anchorAt) this.#drop(batch.baseOffset);
      for (const { offset, producer, sequence } of batch.records) {
        this.#readRecord(offset, producer, sequence);
      }
      this.#chain = chainOf(this.#chain, batch, bytes);
    }
  }

  /** What a reply said of the ends, asked for when `ackedEnd` was what is given here. */
  ends(logStart: number, visibleEnd: number, ackedEnd: number): void {
    if (visibleEnd < ackedEnd) this.violate(`visible end ${visibleEnd} below ${ackedEnd}, acked`);
    if (logStart > visibleEnd) this.violate(`log start ${logStart} above its end ${visibleEnd}`);
  }

  violate(what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(`${this.name}: ${what}`);
  }

  #drop(offset: number): void {
    this.anchors.push({ offset, chain: this.#chain });
    if (this.anchors.length > ANCHORS_MAX) this.anchors.shift();
    this.#anchorAt = offset + ANCHOR_EVERY;
  }

  #readRecord(offset: number, producer: number, sequence: number): void {
    if (offset < this.#from) return; // of the batch that holds the first record
    if (offset !== this.readEnd) this.violate(`offset ${offset} where ${this.readEnd} was due`);
    this.readEnd = offset + 1;
    this.readRecords += 1;
    this.#checkOrder(offset, producer, sequence);
    const acked = this.#acked.get(offset);
    if (acked !== undefined) {
      this.#acked.delete(offset);
      if (acked.producer !== producer || acked.first !== sequence) {
        this.violate(
          `${producer}/${sequence} at ${offset}, acked ${acked.producer}/${acked.first}`,
        );
      }
    }
    const slot = offset % WINDOW;
    this.#seenOffset[slot] = offset;
    this.#seenProducer[slot] = producer;
    this.#seenSequence[slot] = sequence;
  }

  #checkOrder(offset: number, producer: number, sequence: number): void {
    const next = this.#next.get(producer) ?? sequence;
    this.#next.set(producer, sequence + 1);
    if (sequence < next) this.violate(`${producer}/${sequence} at ${offset} again`);
    for (let missing = next; this.#own.has(producer) && missing < sequence; missing += 1) {
      if (this.#isSkipped(producer, missing, false)) continue;
      this.violate(`${producer}/${missing} is missing before offset ${offset}`);
      break;
    }
    if (this.#skipped.length === 0) return;
    if (this.#isSkipped(producer, sequence, true)) {
      this.violate(`${producer}/${sequence} at ${offset} was refused`);
    }
    this.#skipped = this.#skipped.filter((one) => one.producer !== producer || one.end > sequence);
  }

  #isSkipped(producer: number, sequence: number, refusedOnly: boolean): boolean {
    return this.#skipped.some((one) => {
      return one.producer === producer && one.first <= sequence && sequence < one.end &&
        (one.refused || !refusedOnly);
    });
  }
}

/** Checksum of everything read so far and the batch, without what the broker stamps. */
export function chainOf(chain: number, batch: ReadBatch, bytes: Uint8Array): number {
  return crc32(bytes.subarray(batch.start + 16, batch.end), chain);
}
