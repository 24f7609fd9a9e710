/**
 * A small assembler for WebAssembly: nested calls that read like expressions become the bytes of a
 * module. It knows what `crc32c_simd.ts` needs and no more, and runs once, when a shard starts.
 *
 *     const fn = new WasmFunction("sum", 2);        its parameters are variables 0 and 1
 *     fn.add(add(get(0), get(1)));                  what it gives comes last
 *
 * Numbers are unsigned; loads and stores take an address and a constant distance from it. A
 * function takes 32-bit numbers and gives one.
 *
 * Invariant: a `Code` leaves as many values on the stack as its name promises: one for a value,
 * none for a statement. The engine refuses a module that breaks it.
 */

/** Bytes of instructions. */
export type Code = readonly number[];
/** The index of a variable of a function. */
export type Local = number;

const I32 = 0x7f;
const V128 = 0x7b;
const NOTHING = 0x40;
const END = 0x0b;
const SIMD = 0xfd;

/** The size of a page, in which memory is measured. */
export const PAGE_SIZE = 65536;

// Values of 32 bits.
export const number = (value: number): Code => [0x41, ...signed(value | 0)];
export const get = (local: Local): Code => [0x20, ...unsigned(local)];
export const add = (left: Code, right: Code): Code => [...left, ...right, 0x6a];
export const subtract = (left: Code, right: Code): Code => [...left, ...right, 0x6b];
export const and = (left: Code, right: Code): Code => [...left, ...right, 0x71];
export const xor = (left: Code, right: Code): Code => [...left, ...right, 0x73];
export const shiftLeft = (value: Code, bits: number): Code => [...value, ...number(bits), 0x74];
export const shiftRight = (value: Code, bits: number): Code => [...value, ...number(bits), 0x76];
export const isBelow = (left: Code, right: Code): Code => [...left, ...right, 0x49];
export const isAbove = (left: Code, right: Code): Code => [...left, ...right, 0x4b];
export const load = (address: Code, distance = 0): Code => [
  ...address,
  0x28,
  0x00,
  ...unsigned(distance),
];
export const call = (index: number, ...values: Code[]): Code => [
  ...values.flat(),
  0x10,
  ...unsigned(index),
];

// Vectors of 16 bytes.
export const loadVector = (address: Code, distance = 0): Code => [
  ...address,
  SIMD,
  0x00,
  0x00,
  ...unsigned(distance),
];
export const zeroVector: Code = [SIMD, 0x0c, ...new Array<number>(16).fill(0)];
export const andVector = (left: Code, right: Code): Code => [...left, ...right, SIMD, 0x4e];
export const xorVector = (left: Code, right: Code): Code => [...left, ...right, SIMD, 0x51];
/** Shifts each lane of 16 bits right. */
export const shiftLanes = (value: Code, bits: number): Code => [
  ...value,
  ...number(bits),
  SIMD,
  0x8d,
  0x01,
];
/** Each byte of `indexes`, which are below 16, becomes the byte of `table` there. */
export const lookUp = (table: Code, indexes: Code): Code => [
  ...table,
  ...indexes,
  SIMD,
  0x80, // i8x16.relaxed_swizzle: for indexes below 16 it is the plain one without its clamping
  0x02,
];

// Statements.
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const storeVector = (address: Code, value: Code, distance = 0): Code => [
  ...address,
  ...value,
  SIMD,
  0x0b,
  0x00,
  ...unsigned(distance),
];
export const give = (value: Code): Code => [...value, 0x0f];
export const when = (condition: Code, ...body: Code[]): Code => [
  ...condition,
  0x04,
  NOTHING,
  ...body.flat(),
  END,
];
/** Once, and again for as long as the condition holds. */
export const repeatWhile = (condition: Code, ...body: Code[]): Code => [
  0x03,
  NOTHING,
  ...body.flat(),
  ...condition,
  0x0d,
  0x00,
  END,
];
/** Not at all unless the condition holds. */
export const loopWhile = (condition: Code, ...body: Code[]): Code =>
  when(condition, repeatWhile(condition, ...body));

/** A function: its parameters are its first variables, and what it gives is added last. */
export class WasmFunction {
  readonly name: string;
  readonly #parameters: number;
  readonly #locals: number[] = [];
  readonly #body: number[] = [];

  constructor(name: string, parameters: number) {
    this.name = name;
    this.#parameters = parameters;
  }

  i32(): Local {
    return this.#parameters + this.#locals.push(I32) - 1;
  }

  vector(): Local {
    return this.#parameters + this.#locals.push(V128) - 1;
  }

  vectors(count: number): Local[] {
    return Array.from({ length: count }, () => this.vector());
  }

  add(...statements: Code[]): void {
    for (const statement of statements) this.#body.push(...statement);
  }

  get type(): Code {
    return [0x60, ...list(new Array<Code>(this.#parameters).fill([I32])), 1, I32];
  }

  get code(): Code {
    const locals = list(this.#locals.map((type) => [1, type]));
    return sized([...locals, ...this.#body, END]);
  }
}

/**
 * The module of these functions, which call each other by their index here. It imports its memory
 * as `host.memory`, of exactly so many pages.
 */
export function wasmModule(functions: WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const memory = [...text("host"), ...text("memory"), 2, 1, ...unsigned(pages), ...unsigned(pages)];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, functions.map((fn) => fn.type)),
    ...section(2, [memory]),
    ...section(3, functions.map((_, index) => unsigned(index))),
    ...section(7, functions.map((fn, index) => [...text(fn.name), 0, ...unsigned(index)])),
    ...section(10, functions.map((fn) => fn.code)),
  ]);
}

const section = (id: number, items: Code[]): Code => [id, ...sized(list(items))];
const list = (items: Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
const text = (value: string): Code => sized([...new TextEncoder().encode(value)]);

/** LEB128: seven bits a byte, lowest first. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** The same of a signed number: the last byte's bit 6 is the sign. */
function signed(value: number): Code {
  if (value >= -64 && value < 64) return [value & 127];
  return [(value & 127) | 128, ...signed(value >> 7)];
}
