/**
 * Counts the bytes of arrays that are made while a decoder runs, by standing in for their
 * constructors. What the runtime makes by itself (a decompressor's output) is not seen here; those
 * decoders check the size of what they get back.
 *
 * Invariant: between `watch` and `unwatch` every array of this realm is counted.
 */

/** Bytes since it was last set to 0. */
export const allocated = { bytes: 0 };

const WATCHED = ["ArrayBuffer", "Uint8Array", "Int32Array", "Float64Array", "Uint32Array"] as const;
const ELEMENT_SIZES = [1, 1, 4, 8, 4] as const;
type Constructor = abstract new (...args: never[]) => object;

const originals: Partial<Record<typeof WATCHED[number], Constructor>> = {};

export function watch(): void {
  WATCHED.forEach((name, index) => {
    const original = globalThis[name] as unknown as Constructor;
    originals[name] = original;
    const size = ELEMENT_SIZES[index]!;
    const standIn: Constructor = new Proxy(original, {
      construct(target, args, newTarget): object {
        if (typeof args[0] === "number") allocated.bytes += args[0] * size;
        return Reflect.construct(target, args, newTarget === standIn ? target : newTarget);
      },
    });
    (globalThis as Record<string, unknown>)[name] = standIn;
  });
}

export function unwatch(): void {
  for (const name of WATCHED) (globalThis as Record<string, unknown>)[name] = originals[name];
}
