/**
 * The C structs that cross the seam, as tables: name, type, and a count for arrays. Offsets follow
 * from C's rule (a field is aligned to its size, a struct to its largest field) and the total is
 * asserted against the size the kernel expects. Both architectures are LP64 and little-endian.
 *
 *   epoll_event on x64      events u32 | data u64            12 bytes, packed
 *   epoll_event on aarch64  events u32 | hole 4 | data u64   16 bytes
 *
 * Invariant: code reads a field through `LAYOUT.at.field`; no offset is written as a number.
 */

import { assert } from "./assert.ts";
import { ARCHITECTURE } from "./constants.ts";

type FieldType = "u8" | "u16" | "u32" | "u64";
type Field = readonly [name: string, type: FieldType, count?: number];

const FIELD_SIZE: Record<FieldType, number> = { u8: 1, u16: 2, u32: 4, u64: 8 };

export interface Layout<T extends readonly Field[]> {
  /** Bytes of the struct, and the distance between two in an array. */
  readonly size: number;
  /** Byte offset of each field. */
  readonly at: { readonly [Name in T[number][0]]: number };
}

function layout<const T extends readonly Field[]>(
  fields: T,
  sizeExpected: number,
  packed = false,
): Layout<T> {
  const at: Record<string, number> = {};
  let size = 0;
  let alignment = 1;
  for (const [name, type, count] of fields) {
    const fieldAlignment = packed ? 1 : FIELD_SIZE[type];
    alignment = Math.max(alignment, fieldAlignment);
    size = alignUp(size, fieldAlignment);
    at[name] = size;
    size += FIELD_SIZE[type] * (count ?? 1);
  }
  size = alignUp(size, alignment);
  assert(size === sizeExpected, "a struct has the size the kernel expects");
  return { size, at: Object.freeze(at) as Layout<T>["at"] };
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

assert(
  new Uint8Array(new Uint32Array([1]).buffer)[0] === 1,
  "words are little-endian, as the structs here assume",
);

const PACKED = ARCHITECTURE === "x64";

const EPOLL_EVENT_FIELDS = [["events", "u32"], ["data", "u64"]] as const;
export const EPOLL_EVENT: Layout<typeof EPOLL_EVENT_FIELDS> = layout(
  EPOLL_EVENT_FIELDS,
  PACKED ? 12 : 16,
  PACKED,
);

const IOVEC_FIELDS = [["base", "u64"], ["size", "u64"]] as const;
export const IOVEC: Layout<typeof IOVEC_FIELDS> = layout(IOVEC_FIELDS, 16);

const MSGHDR_FIELDS = [
  ["name", "u64"],
  ["nameSize", "u32"],
  ["iov", "u64"],
  ["iovCount", "u64"],
  ["control", "u64"],
  ["controlSize", "u64"],
  ["flags", "u32"],
] as const;
export const MSGHDR: Layout<typeof MSGHDR_FIELDS> = layout(MSGHDR_FIELDS, 56);

const IOCB_FIELDS = [
  ["data", "u64"],
  ["key", "u32"],
  ["rwFlags", "u32"],
  ["opcode", "u16"],
  ["priority", "u16"],
  ["fd", "u32"],
  ["buffer", "u64"],
  ["size", "u64"],
  ["position", "u64"],
  ["reserved", "u64"],
  ["flags", "u32"],
  ["resultFd", "u32"],
] as const;
export const IOCB: Layout<typeof IOCB_FIELDS> = layout(IOCB_FIELDS, 64);

const IO_EVENT_FIELDS = [
  ["data", "u64"],
  ["object", "u64"],
  ["result", "u64"],
  ["result2", "u64"],
] as const;
export const IO_EVENT: Layout<typeof IO_EVENT_FIELDS> = layout(IO_EVENT_FIELDS, 32);

const TIMESPEC_FIELDS = [["seconds", "u64"], ["nanoseconds", "u64"]] as const;
export const TIMESPEC: Layout<typeof TIMESPEC_FIELDS> = layout(TIMESPEC_FIELDS, 16);

const STATX_FIELDS = [
  ["mask", "u32"],
  ["blockSize", "u32"],
  ["attributes", "u64"],
  ["links", "u32"],
  ["uid", "u32"],
  ["gid", "u32"],
  ["mode", "u16"],
  ["inode", "u64"],
  ["size", "u64"],
  ["blocks", "u64"],
  ["attributesMask", "u64"],
  // Four statx_timestamp: seconds s64, nanoseconds u32, 4 bytes reserved.
  ["accessed", "u64", 2],
  ["born", "u64", 2],
  ["changed", "u64", 2],
  ["modifiedSeconds", "u64"],
  ["modifiedNanoseconds", "u32"],
  ["modifiedReserved", "u32"],
  // Of a device file; then of the file system.
  ["specialMajor", "u32"],
  ["specialMinor", "u32"],
  ["deviceMajor", "u32"],
  ["deviceMinor", "u32"],
  ["spare", "u64", 14],
] as const;
export const STATX: Layout<typeof STATX_FIELDS> = layout(STATX_FIELDS, 256);
/** `blocks` counts these, whatever the file system's own block size. */
export const STATX_BLOCK_SIZE = 512;

const STATFS_FIELDS = [
  ["type", "u64"],
  ["blockSize", "u64"],
  ["blocks", "u64"],
  ["free", "u64"],
  ["available", "u64"],
  ["files", "u64"],
  ["filesFree", "u64"],
  ["id", "u32", 2],
  ["nameSize", "u64"],
  ["fragmentSize", "u64"],
  ["flags", "u64"],
  ["spare", "u64", 4],
] as const;
export const STATFS: Layout<typeof STATFS_FIELDS> = layout(STATFS_FIELDS, 120);

const CACHESTAT_RANGE_FIELDS = [["position", "u64"], ["size", "u64"]] as const;
export const CACHESTAT_RANGE: Layout<typeof CACHESTAT_RANGE_FIELDS> = layout(
  CACHESTAT_RANGE_FIELDS,
  16,
);

const CACHESTAT_FIELDS = [
  ["cached", "u64"],
  ["dirty", "u64"],
  ["writeback", "u64"],
  ["evicted", "u64"],
  ["recentlyEvicted", "u64"],
] as const;
export const CACHESTAT: Layout<typeof CACHESTAT_FIELDS> = layout(CACHESTAT_FIELDS, 40);

/** Ahead of the name; the name ends with a zero, the record with padding up to `recordSize`. */
const DIRENT_FIELDS = [
  ["inode", "u64"],
  ["next", "u64"],
  ["recordSize", "u16"],
  ["type", "u8"],
  ["name", "u8", 5],
] as const;
export const DIRENT: Layout<typeof DIRENT_FIELDS> = layout(DIRENT_FIELDS, 24);

/** `port` and what follows it are in network order. */
const SOCKADDR_IN_FIELDS = [
  ["family", "u16"],
  ["port", "u16"],
  ["host", "u32"],
  ["zero", "u8", 8],
] as const;
export const SOCKADDR_IN: Layout<typeof SOCKADDR_IN_FIELDS> = layout(SOCKADDR_IN_FIELDS, 16);

const SOCKADDR_IN6_FIELDS = [
  ["family", "u16"],
  ["port", "u16"],
  ["flow", "u32"],
  ["host", "u8", 16],
  ["scope", "u32"],
] as const;
export const SOCKADDR_IN6: Layout<typeof SOCKADDR_IN6_FIELDS> = layout(SOCKADDR_IN6_FIELDS, 28);

const SOCKADDR_UN_FIELDS = [["family", "u16"], ["path", "u8", 108]] as const;
export const SOCKADDR_UN: Layout<typeof SOCKADDR_UN_FIELDS> = layout(SOCKADDR_UN_FIELDS, 110);
