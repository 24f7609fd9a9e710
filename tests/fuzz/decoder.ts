/**
 * What is fuzzed: a decoder, valid samples of what it reads, and how an input is judged.
 *
 *     arena   | 0xff … or 0x01 … | input | 0xff … or 0x01 … |
 *                                ^ at    ^ at + size
 *
 * Each input is decoded twice, with other bytes around it each time: a decoder that reads outside
 * gives two results. What it changes outside is seen by itself. The second arena lies in the memory
 * of WebAssembly, so that checksums are computed in both ways.
 *
 * Invariant: `decode` gives back REJECTED for what it refused by its typed error, a digest of what
 * it understood otherwise, and throws for everything else.
 */
import type { ByteBlock } from "../../src/base/bytes.ts";
import type { Prng } from "../support/prng.ts";

export const REJECTED = -1;

/** Families of the gate: each has a share of inputs that must decode. */
export type Family = "frames" | "batches" | "operations" | "files" | "client";

export interface Decoder {
  readonly name: string;
  readonly family: Family;
  /** Of the inputs of a run, by weight: slow ones get fewer. */
  readonly weight: number;
  /** An input begins at the first byte of its block, and only there. */
  readonly fromStart?: boolean;
  /** Words that make sense in a text. */
  readonly tokens?: readonly string[];
  /** A valid input. */
  sample(prng: Prng): Uint8Array;
  /** Makes sizes and checksums fit again, where they can, so that what lies behind is reached. */
  repair?(input: ByteBlock, size: number, prng: Prng): void;
  /** Positions of numbers and their sizes, for mutations that know them. */
  fields?(input: ByteBlock, size: number): readonly (readonly [at: number, size: number])[];
  /** Bytes that decoding an input of so many bytes may allocate. */
  allocationMax(size: number): number;
  /** `arena` is 0 or 1. The input may be changed in place. */
  decode(block: ByteBlock, at: number, size: number, arena: number): number;
  /** Forgets what earlier inputs left: called now and then, and before an input is shrunk. */
  reset?(): void;
  /** Gives back files and memory. */
  end?(): void;
}

/** A property that does not hold, in words. */
export class Violation extends Error {
  override name = "Violation";
}

export function must(holds: boolean, property: string): void {
  if (!holds) throw new Violation(property);
}

/** A number that stands for values: equal for equal ones, and hardly ever for others. */
export class Digest {
  value = 0x811c9dc5;

  number(value: number): this {
    this.#mix(value | 0);
    this.#mix(Math.floor(value / 4294967296) | 0);
    return this;
  }

  text(value: string): this {
    for (let i = 0; i < value.length; i += 1) this.#mix(value.charCodeAt(i));
    return this.number(value.length);
  }

  bytes(bytes: Uint8Array, start: number = 0, end: number = bytes.length): this {
    for (let at = start; at < end; at += 1) this.#mix(bytes[at]!);
    return this.number(end - start);
  }

  /** As a result of `decode`. */
  get result(): number {
    return this.value >>> 0;
  }

  #mix(value: number): void {
    this.value = Math.imul(this.value ^ value, 0x01000193);
    this.value ^= this.value >>> 15;
  }
}

/** Fails where two byte ranges differ. */
export function mustEqual(
  actual: Uint8Array,
  expected: Uint8Array,
  property: string,
): void {
  must(actual.length === expected.length, property);
  for (let at = 0; at < actual.length; at += 1) must(actual[at] === expected[at], property);
}
