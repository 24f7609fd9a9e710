/**
 * How a body is described: a list of fields, each with name, type and meaning. From one table
 * come the TypeScript type of the values, both directions of the codec (`codec.ts`) and
 * `docs/PROTOCOL.md`.
 *
 *     u8 u16 u32 u64 i64   big-endian; u64 and i64 within 53 bits
 *     uuid                 16 bytes
 *     string               u16 size, then UTF-8
 *     rest                 all bytes to the end of the frame; the last field of its table
 *     a list of fields     u32 count, then that many times the fields
 */

export type Scalar = "u8" | "u16" | "u32" | "u64" | "i64" | "uuid" | "string" | "rest";
export type Field = readonly [name: string, type: Scalar | Table, text: string];
export type Table = readonly Field[];

export interface Operation {
  readonly code: number;
  readonly name: string;
  readonly version: number;
  readonly text: string;
  readonly request: Table;
  /** Empty where `isSilent`: then there is no reply. */
  readonly reply: Table;
  readonly isSilent?: true;
  /** Body of what the broker sends later, unasked; its frame has flag bit 7. */
  readonly push?: Table;
}

/** The values that a table describes. */
export type ValueOf<T extends Table> = { -readonly [F in T[number] as F[0]]: TypeOf<F[1]> };

/** A list that is never made: its owner writes the `count` elements where they go. */
export interface WrittenList {
  readonly count: number;
  /** Of all elements, in bytes. */
  readonly size: number;
  writeTo(bytes: Uint8Array, view: DataView, at: number): void;
}

/** What can be encoded as the values of a table. */
export type EncodableOf<T extends Table> = {
  readonly [F in T[number] as F[0]]: F[1] extends Table ? readonly EncodableOf<F[1]>[] | WrittenList
    : TypeOf<F[1]>;
};

type TypeOf<T> = T extends "string" | "uuid" ? string
  : T extends "rest" ? Uint8Array
  : T extends Scalar ? number
  : T extends Table ? ValueOf<T>[]
  : never;

const FIXED_SIZES: Readonly<Record<string, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  i64: 8,
  uuid: 16,
  string: 2,
  rest: 0,
};

/** Bytes that a field takes at least; a list takes its count. */
export function sizeMin(type: Scalar | Table): number {
  return typeof type === "string" ? FIXED_SIZES[type]! : 4;
}

/** Bytes of a table whose fields all have a fixed size, up to its `rest`. */
export function fixedSize(table: Table): number {
  return table.reduce((size, field) => size + sizeMin(field[1]), 0);
}
