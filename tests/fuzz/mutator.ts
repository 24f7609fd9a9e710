/**
 * Bends valid inputs: bits, bytes, numbers, ranges cut out, doubled, inserted, exchanged with those
 * of another sample. What a decoder knows of its format (numbers, words, how to repair) is used.
 *
 * Invariant: the same generator of chance and the same samples give the same input.
 */
import type { ByteBlock } from "../../src/base/bytes.ts";
import { heapBlock } from "../../src/base/bytes.ts";
import type { Prng } from "../support/prng.ts";
import type { Decoder } from "./decoder.ts";

/** The largest input. */
export const INPUT_SIZE_MAX = 65536;
const SAMPLES = 128;
/** Percent of inputs that stay as they are, and that are repaired after they were bent. */
const UNTOUCHED = 4;
const REPAIRED = 75;
const INTERESTING = [0, 1, -1, 2, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536];
const EDGES = [0x7fffffff, -0x80000000, 0x1fffff, 0x200000, 0x7ffffff0, 1048576, 0x40000000];

export class Mutator {
  /** The input, in [0, size). */
  readonly input: ByteBlock = heapBlock(INPUT_SIZE_MAX + 16);
  size = 0;
  readonly #decoder: Decoder;
  readonly #samples: readonly Uint8Array[];
  readonly #tokens: readonly Uint8Array[];

  constructor(decoder: Decoder, prng: Prng) {
    this.#decoder = decoder;
    this.#samples = Array.from({ length: SAMPLES }, () => decoder.sample(prng));
    this.#tokens = (decoder.tokens ?? []).map((token) => new TextEncoder().encode(token));
  }

  /** Makes the next input. */
  draw(prng: Prng): void {
    this.set(prng.pick(this.#samples));
    if (prng.chance(UNTOUCHED)) return;
    const mutations = prng.chance(60) ? 1 : prng.between(2, prng.chance(20) ? 16 : 4);
    for (let i = 0; i < mutations; i += 1) this.#mutate(prng);
    if (prng.chance(REPAIRED)) this.#decoder.repair?.(this.input, this.size, prng);
  }

  set(bytes: Uint8Array): void {
    this.size = Math.min(bytes.length, INPUT_SIZE_MAX);
    this.input.bytes.set(bytes.subarray(0, this.size));
  }

  #mutate(prng: Prng): void {
    if (this.size === 0) return this.#insert(prng);
    const isText = this.#tokens.length > 0;
    if (isText && prng.chance(40)) return this.#digit(prng);
    const kind = prng.below(isText ? 15 : 13);
    if (kind < 3) this.#flip(prng);
    else if (kind < 6) this.#field(prng);
    else if (kind === 6) this.input.bytes[prng.below(this.size)] = prng.next();
    else if (kind === 7) this.#number(prng.below(this.size), 1 << prng.below(4), prng);
    else if (kind === 8) this.#remove(prng.below(this.size), this.#short(prng));
    else if (kind === 9) this.#insert(prng);
    else if (kind === 10) this.#copyWithin(prng);
    else if (kind === 11) this.#splice(prng);
    else if (kind === 12) this.#resize(prng);
    else this.#token(prng);
  }

  #flip(prng: Prng): void {
    const at = prng.below(this.size);
    this.input.bytes[at] = this.input.bytes[at]! ^ (1 << prng.below(8));
  }

  /** Another character of the same kind at the next letter or digit. */
  #digit(prng: Prng): void {
    const { bytes } = this.input;
    for (let at = prng.below(this.size); at < this.size; at += 1) {
      const byte = bytes[at]!;
      if (byte >= 48 && byte <= 57) bytes[at] = 48 + prng.below(10);
      else if (byte >= 97 && byte <= 122) bytes[at] = 97 + prng.below(26);
      else continue;
      return;
    }
  }

  #field(prng: Prng): void {
    const fields = this.#decoder.fields?.(this.input, this.size) ?? [];
    if (fields.length === 0) return this.#flip(prng);
    const [at, size] = prng.pick(fields);
    if (at + size <= this.size) this.#number(at, size, prng);
  }

  /** Sets or nudges the big-endian number of 1, 2, 4 or 8 bytes at `at`. */
  #number(at: number, size: number, prng: Prng): void {
    if (at + size > this.size) return;
    const { view } = this.input;
    const value = prng.chance(75) ? prng.pick(INTERESTING) : prng.pick(EDGES);
    const nudge = prng.chance(40);
    if (size === 1) view.setUint8(at, nudge ? view.getUint8(at) + value : value);
    else if (size === 2) view.setUint16(at, nudge ? view.getUint16(at) + value : value);
    else if (size === 4) view.setInt32(at, nudge ? view.getInt32(at) + value : value);
    else {
      if (prng.chance(30)) view.setInt32(at, prng.pick(EDGES));
      view.setInt32(at + 4, nudge ? view.getInt32(at + 4) + value : value);
    }
  }

  #remove(at: number, wanted: number): void {
    const size = Math.min(wanted, this.size - at);
    this.input.bytes.copyWithin(at, at + size, this.size);
    this.size -= size;
  }

  #insert(prng: Prng): void {
    const size = this.#makeRoom(prng.below(this.size + 1), this.#short(prng));
    for (let i = 0; i < size.size; i += 1) this.input.bytes[size.at + i] = prng.next();
  }

  /** Moves what lies behind `at`; gives back the room that there was. */
  #makeRoom(at: number, wanted: number): { at: number; size: number } {
    const size = Math.min(wanted, INPUT_SIZE_MAX - this.size);
    this.input.bytes.copyWithin(at + size, at, this.size);
    this.size += size;
    return { at, size };
  }

  /** Doubles a range, or writes it over another. */
  #copyWithin(prng: Prng): void {
    const from = prng.below(this.size);
    const size = Math.min(this.#short(prng) * 4, this.size - from);
    const range = this.input.bytes.slice(from, from + size);
    const at = prng.below(this.size);
    if (prng.chance(50)) this.input.bytes.set(range.subarray(0, this.size - at), at);
    else {
      const room = this.#makeRoom(at, size);
      this.input.bytes.set(range.subarray(0, room.size), room.at);
    }
  }

  /** The end, or a range, of another sample. */
  #splice(prng: Prng): void {
    const other = prng.pick(this.#samples);
    if (other.length === 0) return;
    const from = prng.below(other.length);
    const at = prng.chance(50) ? Math.min(from, this.size) : prng.below(this.size);
    const isEnd = prng.chance(50);
    const size = isEnd ? other.length - from : Math.min(this.#short(prng) * 4, other.length - from);
    const fits = Math.min(size, INPUT_SIZE_MAX - at);
    this.input.bytes.set(other.subarray(from, from + fits), at);
    this.size = isEnd ? at + fits : Math.max(this.size, at + fits);
  }

  /** Cuts the end off, or adds to it. */
  #resize(prng: Prng): void {
    if (prng.chance(60)) {
      this.size = prng.chance(50)
        ? prng.below(this.size)
        : Math.max(0, this.size - this.#short(prng));
      return;
    }
    const room = this.#makeRoom(this.size, this.#short(prng));
    this.input.bytes.fill(prng.chance(50) ? 0 : prng.next(), room.at, room.at + room.size);
  }

  #token(prng: Prng): void {
    const token = prng.pick(this.#tokens);
    const at = prng.below(this.size);
    if (prng.chance(50)) this.#remove(at, this.#short(prng));
    const room = this.#makeRoom(Math.min(at, this.size), token.length);
    this.input.bytes.set(token.subarray(0, room.size), room.at);
  }

  #short(prng: Prng): number {
    return prng.chance(70) ? prng.between(1, 4) : prng.between(1, 64);
  }
}
