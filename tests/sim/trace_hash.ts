/**
 * A running hash over every call of a run: one seed gives one hash, on both runtimes. Two words of
 * 32 bits, because numbers above 2^53 would need BigInt.
 *
 * Invariant: only integers and UTF-16 code units are folded, so no runtime's way of spelling
 * numbers or of ordering keys has a part in it.
 */
import type { CallObserver } from "./sim_calls.ts";

export class TraceHash implements CallObserver {
  calls = 0;
  readonly #names: Map<string, number> = new Map();
  #high = 0x6a09e667;
  #low = 0x3c6ef372;

  onCall(name: string, a: number, b: number, c: number, text: string, result: number): void {
    this.calls += 1;
    let code = this.#names.get(name);
    if (code === undefined) this.#names.set(name, code = codeOf(name));
    this.#word(code);
    this.number(a);
    this.number(b);
    this.number(c);
    if (text !== "") this.text(text);
    this.number(result);
  }

  onBytes(bytes: Uint8Array, start: number, size: number): void {
    let code = size;
    for (let i = start; i < start + size; i += 1) code = Math.imul(code, 0x01000193) ^ bytes[i]!;
    this.#word(code);
  }

  /** Folds an integer of up to 53 bits, or a clock's fraction in millionths. */
  number(value: number): void {
    const whole = Math.floor(value);
    this.#word(whole | 0);
    if (whole !== (whole | 0)) this.#word(Math.floor(whole / 2 ** 32) | 0);
    if (whole !== value) this.#word(Math.floor((value - whole) * 1e6));
  }

  text(text: string): void {
    this.#word(codeOf(text));
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#high) + hex(this.#low);
  }

  #word(word: number): void {
    let high = Math.imul(this.#high ^ word, 0x85ebca6b);
    high ^= high >>> 15;
    const low = Math.imul((this.#low + high) ^ word, 0xc2b2ae35);
    this.#high = high;
    this.#low = low ^ (low >>> 13);
  }
}

function codeOf(text: string): number {
  let code = text.length;
  for (let i = 0; i < text.length; i += 1) code = Math.imul(code, 31) + text.charCodeAt(i) | 0;
  return code;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
