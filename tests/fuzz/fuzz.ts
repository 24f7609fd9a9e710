/**
 * Runs a decoder over mutated inputs and judges each: no error but the typed one, nothing read or
 * written outside, no more allocated than the input may ask for, and what the decoder itself
 * checks of what it accepted (`decoder.ts`).
 *
 *     seed, index -> chance -> sample, mutations, repair -> decode in arena 0, in arena 1 -> judge
 *
 * Invariant: an input depends on the decoder, the seed and its index alone.
 */
import { type ByteBlock, heapBlock } from "../../src/base/bytes.ts";
import { openFastMemory } from "../../src/base/crc32c_simd.ts";
import { Prng } from "../support/prng.ts";
import { allocated, unwatch, watch } from "./allocations.ts";
import { type Decoder, must, REJECTED, Violation } from "./decoder.ts";
import { INPUT_SIZE_MAX, Mutator } from "./mutator.ts";
import { mustFit, RESIDENT_MAX } from "./resident.ts";
import { shrink } from "./shrink.ts";

const MARGIN = 64;
const FILLS = [0xff, 0x01] as const;
/** A decoder that remembers forgets after so many inputs. */
export const RESET_EVERY = 4000;
const FIT_EVERY = 500;
const SHRINK_MS = 10_000;
const ARENA_SIZE = INPUT_SIZE_MAX + 4 * MARGIN;
/** The second is of the memory where checksums are computed by vectors. */
const arenas: readonly ByteBlock[] = [heapBlock(ARENA_SIZE), fastBlock(ARENA_SIZE)];

export interface Failure {
  readonly decoder: string;
  readonly seed: number;
  readonly index: number;
  readonly what: string;
  readonly input: Uint8Array;
  readonly shrunk: Uint8Array;
}

export interface Run {
  readonly inputs: number;
  readonly accepted: number;
  readonly ms: number;
  readonly failure: Failure | null;
}

/**
 * Inputs `from` to `from + count - 1` of the seed, up to the first that fails. Throws where more
 * than `residentMax` bytes are resident.
 */
export function fuzz(
  decoder: Decoder,
  seed: number,
  count: number,
  from: number = 0,
  residentMax: number = RESIDENT_MAX,
): Run {
  const judge = new Judge(decoder);
  const mutator = new Mutator(decoder, new Prng(seed));
  const startMs = performance.now();
  let accepted = 0;
  watch();
  try {
    for (let index = from; index < from + count; index += 1) {
      if (index % RESET_EVERY === 0) decoder.reset?.();
      if (index % FIT_EVERY === 0) mustFit(residentMax, `${decoder.name}, seed ${seed}`);
      mutator.draw(new Prng(seed * 1000003 + index));
      const { what, isAccepted } = judge.judge(mutator.input.bytes, mutator.size);
      if (isAccepted) accepted += 1;
      if (what === "") continue;
      const input = mutator.input.bytes.slice(0, mutator.size);
      const failure = { decoder: decoder.name, seed, index, what, input };
      const shrunk = shrunkInput(judge, decoder, input, what);
      const ms = performance.now() - startMs;
      return { inputs: index - from + 1, accepted, ms, failure: { ...failure, shrunk } };
    }
  } finally {
    unwatch();
  }
  return { inputs: count, accepted, ms: performance.now() - startMs, failure: null };
}

/** Judges one input by itself: what is wrong, or nothing. */
export function judgeInput(decoder: Decoder, input: Uint8Array): string {
  decoder.reset?.();
  watch();
  try {
    return new Judge(decoder).judge(input, input.length).what;
  } finally {
    unwatch();
  }
}

export function failureText({ decoder, seed, index, what, shrunk }: Failure): string {
  const hex = [...shrunk].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${decoder}: ${what}\n` +
    `  npm run fuzz -- --decoder ${decoder} --seed ${seed} --input ${index}\n` +
    `  shrunk to ${shrunk.length} bytes: ${hex.slice(0, 2000)}`;
}

function shrunkInput(judge: Judge, decoder: Decoder, input: Uint8Array, what: string): Uint8Array {
  const endMs = performance.now() + SHRINK_MS;
  return shrink(input, (candidate) => {
    if (performance.now() > endMs) return false;
    decoder.reset?.();
    return judge.judge(candidate, candidate.length).what === what;
  }, decoder);
}

function fastBlock(size: number): ByteBlock {
  const bytes = openFastMemory(size)?.take(size);
  if (bytes === undefined || bytes === null) return heapBlock(size);
  const { buffer, byteOffset: offset } = bytes;
  const words = new Int32Array(buffer, offset, size >> 2);
  return { size, offset, bytes, words, view: new DataView(buffer, offset, size) };
}

class Judge {
  readonly #decoder: Decoder;
  readonly #arenas: readonly ByteBlock[];
  readonly #at: number;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
    this.#at = decoder.fromStart === true ? 0 : MARGIN;
    this.#arenas = arenas;
    this.#arenas.forEach((block, arena) => block.bytes.fill(FILLS[arena]!));
  }

  /** `what` is wrong, or empty. */
  judge(input: Uint8Array, size: number): { what: string; isAccepted: boolean } {
    try {
      const first = this.#run(0, input, size);
      const second = this.#run(1, input, size);
      must(first === second, "the result depends on what lies outside");
      return { what: "", isAccepted: first !== REJECTED };
    } catch (error) {
      const isViolation = error instanceof Violation;
      const stack = error instanceof Error ? (error.stack ?? "").split("\n").slice(0, 3) : [];
      const what = isViolation ? error.message : `throws ${[String(error), ...stack].join("\n  ")}`;
      return { what, isAccepted: false };
    }
  }

  #run(arena: number, input: Uint8Array, size: number): number {
    const block = this.#arenas[arena]!;
    const at = this.#at;
    block.bytes.set(input.subarray(0, size), at);
    allocated.bytes = 0;
    try {
      const result = this.#decoder.decode(block, at, size, arena);
      must(allocated.bytes <= this.#decoder.allocationMax(size), "more is allocated than may be");
      this.#checkOutside(block, at, size, FILLS[arena]!);
      return result;
    } finally {
      block.bytes.fill(FILLS[arena]!, Math.max(0, at - MARGIN), at + size + MARGIN);
    }
  }

  #checkOutside(block: ByteBlock, at: number, size: number, fill: number): void {
    for (let i = Math.max(0, at - MARGIN); i < at; i += 1) {
      must(block.bytes[i] === fill, "a byte before the input is changed");
    }
    for (let i = at + size; i < at + size + MARGIN; i += 1) {
      must(block.bytes[i] === fill, "a byte behind the input is changed");
    }
  }
}
