/**
 * Finds the numbers that `src/base/crc32c_simd.ts` folds by: multiples of the CRC-32C polynomial P.
 * `bun scripts/find_crc_folds.ts` (or deno run) prints them within a minute.
 *
 *     far     x^n + x^a + x^b + x^c + x^d + 1 = 0 mod P: five distances n - a, n - b … n. What
 *             is added to a vector must be finished before it, so the smallest is 16 or more; the
 *             larger the smallest, the longer ago it was stored, and the faster it loads.
 *     near    x^(128 n + i) for i below 8 as a sum of x^(128 k + j), j below 8, k of four places
 *
 * Both hold for bytes and vectors as they do for bits: if Q is a multiple of P, so is Q(x)^8, which
 * is Q(x^8). No multiple has fewer than four terms, as P is one of x + 1, and with four they are
 * 5,000 and more apart.
 */

import process from "node:process";

const P = 0x1edc6f41;
const DISTANCE_MAX = 360;
const VECTOR_BITS = 128;

/** x^n mod P; bit i is the coefficient of x^i. */
const POWERS: number[] = [1];
while (POWERS.length < VECTOR_BITS * 10) {
  const last = POWERS[POWERS.length - 1]!;
  POWERS.push(((last << 1) ^ (last < 0 ? P : 0)) | 0);
}

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Distances of all multiples of six terms, the smallest distance 16 or more. */
function farDistances(): number[][] {
  const pairs = new Map<number, [number, number][]>();
  const found: number[][] = [];
  for (let high = 2; high < DISTANCE_MAX; high += 1) {
    for (let low = 1; low < high; low += 1) {
      const sum = POWERS[high]! ^ POWERS[low]!;
      const list = pairs.get(sum);
      if (list === undefined) pairs.set(sum, [[high, low]]);
      else list.push([high, low]);
    }
  }
  for (let n = 33; n <= DISTANCE_MAX; n += 1) {
    for (let high = 4; high <= n - 16; high += 1) {
      for (let low = 3; low < high; low += 1) {
        const wanted = POWERS[n]! ^ 1 ^ POWERS[high]! ^ POWERS[low]!;
        for (const [c, d] of pairs.get(wanted) ?? []) {
          if (c < low) found.push([n - high, n - low, n - c, n - d, n]);
        }
      }
    }
  }
  return found;
}

/**
 * The bits of `places` vectors whose sum is x^(128 * vectors + bit), by elimination; null when
 * there is none.
 */
function nearImage(vectors: number, places: readonly number[], bit: number): number[] | null {
  const rows: ({ value: number; from: number } | undefined)[] = []; // by highest bit
  const reduce = (start: number, from: number) => {
    let row = { value: start, from };
    for (let top = 31; top >= 0 && row.value !== 0; top -= 1) {
      if ((row.value >>> top & 1) === 0) continue;
      const other = rows[top];
      if (other === undefined) return { ...row, top };
      row = { value: row.value ^ other.value, from: row.from ^ other.from };
    }
    return { ...row, top: -1 };
  };
  places.forEach((place, plane) => {
    for (let i = 0; i < 8; i += 1) {
      const row = reduce(POWERS[VECTOR_BITS * place + 7 - i]!, 1 << (8 * plane + i));
      if (row.top >= 0) rows[row.top] = row;
    }
  });
  const image = reduce(POWERS[VECTOR_BITS * vectors + 7 - bit]!, 0);
  if (image.value !== 0) return null;
  return places.map((_, plane) => image.from >>> (8 * plane) & 255);
}

say("far: distances, the smallest of them first");
const far = farDistances().sort((one, two) => two[0]! - one[0]!);
for (const distances of far.slice(0, 12)) say(`  ${distances.join(" ")}`);

say("near: the fewest vectors that go into the four newest ones");
for (let vectors = 4; vectors < 10; vectors += 1) {
  const images = Array.from({ length: 8 }, (_, bit) => nearImage(vectors, [0, 1, 2, 3], bit));
  if (images.includes(null)) continue;
  say(`  ${vectors} vectors`);
  for (const image of images) {
    say(
      `  [${image!.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(", ")}]`,
    );
  }
  break;
}
