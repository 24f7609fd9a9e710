/**
 * Makes a failing input small: ranges go, bytes become zero, as long as what is left still fails
 * in the same way, as it is or with its sizes and checksums made to fit again.
 */
import { heapBlock } from "../../src/base/bytes.ts";
import { Prng } from "../support/prng.ts";
import type { Decoder } from "./decoder.ts";

/** `fails` says whether an input still fails in the same way. */
export function shrink(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => boolean,
  decoder: Pick<Decoder, "repair"> = {},
): Uint8Array {
  let best = input;
  const attempt = (candidate: Uint8Array): boolean => {
    for (const one of [candidate, repaired(candidate, decoder)]) {
      if (one === null || !fails(one)) continue;
      best = one;
      return true;
    }
    return false;
  };
  if (!attempt(best)) return best; // it needs what came before
  for (let before = Infinity; best.length < before;) {
    before = best.length;
    for (let size = best.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at < best.length;) {
        if (!attempt(without(best, at, size))) at += size;
      }
    }
  }
  for (let at = 0; at < best.length; at += 1) {
    if (best[at] === 0) continue;
    const zeroed = best.slice();
    zeroed[at] = 0;
    attempt(zeroed);
  }
  return best;
}

function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const left = new Uint8Array(bytes.length - Math.min(size, bytes.length - at));
  left.set(bytes.subarray(0, at));
  left.set(bytes.subarray(Math.min(bytes.length, at + size)), at);
  return left;
}

function repaired(bytes: Uint8Array, decoder: Pick<Decoder, "repair">): Uint8Array | null {
  if (decoder.repair === undefined) return null;
  const block = heapBlock(bytes.length + 16);
  block.bytes.set(bytes);
  decoder.repair(block, bytes.length, new Prng(1));
  return block.bytes.slice(0, bytes.length);
}
