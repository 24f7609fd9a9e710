/**
 * CRC-32C by vectors of 16 bytes, in WebAssembly: two to eight times as fast as `crc32c.ts`, for
 * bytes that lie in a memory of WebAssembly. Receive buffers do (`FastMemory`). Hot.
 *
 * A checksum is the message, as a polynomial, modulo P. Whatever is a multiple of P may be added to
 * it, so the front of a message can be replaced by something with the same remainder further
 * behind. Both functions do that, a vector at a time, all of its bytes side by side:
 *
 *     far     v0 | v1 | v2 | …      each vector is added to the bytes 154, 177, 183, 258 and 290
 *              \____\___\___\       behind it, because x^290 = x^136 + x^113 + x^107 + x^32 + 1
 *                                   mod P, and so x^(8 * 290) … too. No look-up at all.
 *     near    s0 s1 s2 s3 s4 s5 s6 | v    s0 goes into s4, s5, s6 and v, each by two look-ups: of
 *                                         the low and of the high four bits of each byte
 *
 * Far leaves the last 304 bytes, near the last seven vectors, and those are looked up in tables as
 * in `crc32c.ts`. The idea of far is that of Chorba (S. Russell, arXiv 2412.16398);
 * `scripts/find_crc_folds.ts` finds the numbers, ADR 8 has the figures.
 *
 *     0      page 0: constants, what is left over, far's copy of the message     64 KiB
 *     64 KiB blocks that `take` gave
 *
 * Invariant: the memory never grows, so that addresses in it hold. There is one for each thread.
 */

import { assert } from "./assert.ts";
import type { ByteBlock } from "./bytes.ts";
import { crc32c, STEP } from "./crc32c.ts";
import { VERIFY } from "./verify.ts";
import {
  add,
  and,
  andVector,
  call,
  type Code,
  get,
  give,
  isAbove,
  isBelow,
  load,
  loadVector,
  type Local,
  lookUp,
  loopWhile,
  number,
  PAGE_SIZE,
  repeatWhile,
  set,
  shiftLanes,
  shiftLeft,
  shiftRight,
  storeVector,
  subtract,
  WasmFunction,
  wasmModule,
  when,
  xor,
  xorVector,
  zeroVector,
} from "./wasm.ts";

const VECTOR = 16;
/** The index of the function `near` in the module. */
const NEAR = 0;
/** How far behind a vector `far` adds it, in bytes. */
export const FAR_DISTANCES: readonly number[] = [154, 177, 183, 258, 290];
const FAR_REST = 304; // the largest distance in whole vectors
/** Vectors that `near` holds. */
export const NEAR_VECTORS = 7;
/**
 * What bit i of a byte in the oldest of seven vectors becomes when that vector is dropped: bits of
 * the same byte in the new vector, and in the first, second and third before it.
 */
export const NEAR_IMAGES: readonly (readonly number[])[] = [
  [0x9a, 0x3f, 0x63, 0xa7],
  [0xc0, 0xa0, 0xd0, 0x09],
  [0x08, 0x64, 0x96, 0x8a],
  [0xc6, 0xb9, 0xf7, 0x20],
  [0xc0, 0xc4, 0x43, 0x94],
  [0xde, 0xdd, 0x6b, 0x84],
  [0xe2, 0xef, 0x3b, 0xa4],
  [0x5e, 0x19, 0x00, 0xa8],
];
const NEAR_REST = NEAR_VECTORS * VECTOR;

/** Below it the tables of `crc32c.ts` are as fast. */
const SIMD_SIZE_MIN = 112;
/** Below it `near` alone is as fast. */
const FAR_SIZE_MIN = 640;
/** So much of a long message is copied at a time: it stays in the first cache. */
const FAR_PIECE = 8192;

/** Positions in page 0. */
const At = {
  /** 16 bytes of zeros, 16 of ones: from k below the middle, a mask that clears k bytes. */
  mask: 16,
  /** 16 bytes of zeros, the state at the begin of a message (ones) or none, zeros. */
  begin: 64,
  noState: 1408,
  tables: 128,
  lowBits: 256,
  nearRest: 512,
  farRest: 1024,
  /** The tables of `crc32c.ts`, 1 KiB each. */
  steps: 4096,
  farCopy: 20480,
} as const;

/** Memory that is checksummed fast, cut into blocks that are never given back. */
export class FastMemory {
  readonly buffer: ArrayBuffer;
  #end = PAGE_SIZE;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
  }

  /** `size` bytes, or null when there is no room. The size is a multiple of 64. */
  take(size: number): Uint8Array<ArrayBuffer> | null {
    assert(size > 0 && size % 64 === 0, "blocks are aligned");
    if (this.#end + size > this.buffer.byteLength) return null;
    const bytes = new Uint8Array(this.buffer, this.#end, size);
    this.#end += size;
    return bytes;
  }
}

/** Gives the state of the checksum; `state` is where the first one stands. */
type Fold = (at: number, size: number, state: number) => number;

/** Of this thread; null until `openFastMemory` made them. */
let memory: FastMemory | null = null;
let fold: Fold = () => 0;

/**
 * Makes the memory of this thread, with room for `size` bytes of blocks; later calls give the same.
 * Null where the engine refuses: no vectors, or no room for addresses. All works without it.
 */
export function openFastMemory(size: number): FastMemory | null {
  if (memory !== null) return memory;
  const pages = Math.ceil(size / PAGE_SIZE) + 1;
  try {
    const made = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const code = new WebAssembly.Module(wasmModule([near(), far()], pages));
    const instance = new WebAssembly.Instance(code, { host: { memory: made } });
    writeConstants(new Uint8Array(made.buffer, 0, PAGE_SIZE));
    const words = new Int32Array(made.buffer, At.steps, STEP.length * 256);
    STEP.forEach((table, k) => words.set(table, k * 256));
    fold = instance.exports["far"] as Fold;
    memory = new FastMemory(made.buffer as ArrayBuffer);
  } catch {
    return null;
  }
  return memory;
}

/** The checksum of `size` bytes from `start`, the fast way where the block allows it. */
export function blockCrc32c(block: ByteBlock, start: number, size: number): number {
  if (block.offset === 0 || size < SIMD_SIZE_MIN) {
    return crc32c(block.bytes, block.words, start, size);
  }
  assert(start >= 0 && start + size <= block.size, "the range lies inside");
  if (VERIFY) assert(block.bytes.buffer === memory!.buffer, "only fast memory has an offset");
  return ~fold(block.offset + start, size, At.begin) >>> 0;
}

function writeConstants(page: Uint8Array): void {
  page.fill(0xff, At.mask, At.mask + VECTOR);
  page.fill(0xff, At.begin + VECTOR, At.begin + VECTOR + 4);
  page.fill(0x0f, At.lowBits, At.lowBits + VECTOR);
  for (let plane = 0; plane < 4; plane += 1) {
    const table = At.tables + plane * 2 * VECTOR;
    for (let four = 0; four < 16; four += 1) {
      page[table + four] = image(plane, four);
      page[table + VECTOR + four] = image(plane, four << 4);
    }
  }
}

function image(plane: number, byte: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    if ((byte >>> bit & 1) !== 0) sum ^= NEAR_IMAGES[bit]![plane]!;
  }
  return sum;
}

/**
 * Both begin alike: zeros in front make the size one of whole vectors and change nothing, so the
 * first vector is loaded from before the message and masked. The state, which stands at `state`, is
 * added to the first four bytes of the message; they may reach into the second vector.
 */
class Front {
  readonly #missing: Local;

  constructor(fn: WasmFunction, from: Local) {
    const [at, size] = [0, 1];
    this.#missing = fn.i32();
    fn.add(
      set(this.#missing, and(subtract(number(0), get(size)), number(VECTOR - 1))),
      set(from, subtract(get(at), get(this.#missing))),
    );
  }

  first(vector: Code): Code {
    const mask = loadVector(subtract(number(At.mask), get(this.#missing)));
    return xorVector(andVector(vector, mask), this.#state(VECTOR));
  }

  second(vector: Code): Code {
    return xorVector(vector, this.#state(2 * VECTOR));
  }

  #state(distance: number): Code {
    const state = 2;
    return loadVector(subtract(get(state), get(this.#missing)), distance);
  }
}

/** near(at, size, state): the size is 112 or more. */
function near(): WasmFunction {
  const fn = new WasmFunction("near", 3);
  const from = fn.i32();
  const end = fn.i32();
  const states = fn.vectors(NEAR_VECTORS);
  const tables = fn.vectors(8);
  const [low, high, lowBits] = fn.vectors(3) as [Local, Local, Local];
  const front = new Front(fn, from);
  const forward = (vectors: number) => set(from, add(get(from), number(vectors * VECTOR)));
  const step = (index: number): Code => {
    const state = (behind: number) => states[(index + NEAR_VECTORS - behind) % NEAR_VECTORS]!;
    const added = (value: Code, plane: number) => {
      const one = xorVector(value, lookUp(get(tables[2 * plane]!), get(low)));
      return xorVector(one, lookUp(get(tables[2 * plane + 1]!), get(high)));
    };
    return [
      set(low, andVector(get(state(0)), get(lowBits))),
      set(high, andVector(shiftLanes(get(state(0)), 4), get(lowBits))),
      set(state(0), added(loadVector(get(from), index * VECTOR), 0)), // the place of the new one
      ...[1, 2, 3].map((plane) => set(state(plane), added(get(state(plane)), plane))),
    ].flat();
  };
  const next = add(get(from), number(NEAR_REST));
  fn.add(
    set(end, add(get(0), get(1))),
    set(lowBits, loadVector(number(At.lowBits))),
    ...tables.map((table, i) => set(table, loadVector(number(At.tables + i * VECTOR)))),
    set(states[0]!, front.first(loadVector(get(from)))),
    set(states[1]!, front.second(loadVector(get(from), VECTOR))),
    ...states.slice(2).map((state, i) => set(state, loadVector(get(from), (i + 2) * VECTOR))),
    forward(NEAR_VECTORS),
    loopWhile(
      isBelow(next, add(get(end), number(1))),
      ...states.map((_, index) => step(index)),
      forward(NEAR_VECTORS),
    ),
    loopWhile(
      isBelow(get(from), get(end)),
      step(0),
      forward(1),
      set(low, get(states[0]!)),
      ...states.slice(1).map((state, index) => set(states[index]!, get(state))),
      set(states[NEAR_VECTORS - 1]!, get(low)),
    ),
    ...states.map((state, i) => storeVector(number(At.nearRest), get(state), i * VECTOR)),
  );
  addRest(fn);
  return fn;
}

/** The seven vectors at `nearRest` by tables, in four streams as in `crc32c.ts`. */
function addRest(fn: WasmFunction): void {
  const at = fn.i32();
  const streams = [0, 1, 2, 3].map(() => fn.i32());
  const words = streams.map(() => fn.i32());
  /** `word`, followed by so many zero bytes. */
  const step = (word: Local, zeros: number): Code => {
    const places = [
      shiftLeft(and(get(word), number(255)), 2),
      ...[6, 14, 22].map((bits) => and(shiftRight(get(word), bits), number(1020))),
    ];
    return places
      .map((place, i) => load(place, At.steps + (zeros + 3 - i) * 1024))
      .reduce(xor);
  };
  const next = words.map((word, i) => set(word, xor(load(get(at), i * 4), get(streams[i]!))));
  fn.add(
    set(at, number(At.nearRest)),
    ...streams.map((stream) => set(stream, number(0))),
    repeatWhile(
      isBelow(get(at), number(At.nearRest + NEAR_REST - VECTOR)),
      ...next,
      ...streams.map((stream, i) => set(stream, step(words[i]!, 12))),
      set(at, add(get(at), number(VECTOR))),
    ),
    ...next,
    words.map((word, i) => step(word, 12 - 4 * i)).reduce(xor),
  );
}

/**
 * far(at, size, state): for a long message, whose last 304 bytes it hands to `near`. What is added
 * to a vector comes from vectors before it, so each is finished in one go and written once, to a
 * copy: the message itself is not changed.
 */
function far(): WasmFunction {
  const fn = new WasmFunction("far", 3);
  const from = fn.i32();
  /** Where the copy of what is 304 bytes before `from` lies. */
  const copy = fn.i32();
  const end = fn.i32();
  const pieceEnd = fn.i32();
  const rest = Array.from({ length: FAR_REST / VECTOR }, (_, i) => i * VECTOR);
  const folded = (ahead: number, distances: readonly number[]) =>
    distances.reduce(
      (sum, distance) => xorVector(sum, loadVector(get(copy), FAR_REST - distance + ahead)),
      loadVector(get(from), ahead),
    );
  const forward = (bytes: number) =>
    [copy, from].flatMap((local) => set(local, add(get(local), number(bytes))));
  fn.add(when(
    isBelow(get(1), number(FAR_SIZE_MIN)),
    give(call(NEAR, get(0), get(1), get(2))),
  ));
  const front = new Front(fn, from);
  fn.add(
    set(end, subtract(add(get(0), get(1)), number(FAR_REST))),
    set(copy, number(At.farCopy)),
    ...rest.map((at) => storeVector(get(copy), zeroVector, at)),
    storeVector(get(copy), front.first(loadVector(get(from))), FAR_REST),
    storeVector(get(copy), front.second(folded(VECTOR, FAR_DISTANCES)), FAR_REST + VECTOR),
    forward(2 * VECTOR),
    repeatWhile(
      isBelow(get(from), get(end)),
      set(pieceEnd, add(get(from), number(FAR_PIECE))),
      when(isAbove(get(pieceEnd), get(end)), set(pieceEnd, get(end))),
      loopWhile(
        isBelow(get(from), get(pieceEnd)),
        storeVector(get(copy), folded(0, FAR_DISTANCES), FAR_REST),
        forward(VECTOR),
      ),
      when(
        isBelow(get(from), get(end)),
        ...rest.map((at) => storeVector(number(At.farCopy), loadVector(get(copy), at), at)),
        set(copy, number(At.farCopy)),
      ),
    ),
    // Nothing of the rest is folded any further: what lies behind `end` does not count.
    storeVector(get(copy), zeroVector, FAR_REST),
    ...rest.map((at) => {
      const before = FAR_DISTANCES.filter((distance) => distance > at);
      return storeVector(number(At.farRest), folded(at, before), at);
    }),
    call(NEAR, number(At.farRest), number(FAR_REST), number(At.noState)),
  );
  return fn;
}

assert(At.farCopy + FAR_REST + 2 * VECTOR + FAR_PIECE + FAR_REST <= PAGE_SIZE, "page 0 has room");
assert(FAR_SIZE_MIN >= FAR_REST + 3 * VECTOR, "far folds something");
assert(SIMD_SIZE_MIN >= NEAR_REST, "near has seven vectors");
