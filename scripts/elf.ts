/**
 * What a file is for, as its ELF header says: the processor, and the C library by the name of the
 * loader that it asks for.
 *
 *     offset 18  u16  machine           32  u64  program headers    54  u16  size of one
 *                                                                   56  u16  number of them
 *     program header  0 u32 kind    8 u64 position    32 u64 size        kind 3: the loader's path
 */
import { closeSync, openSync, readSync } from "node:fs";
import { Buffer } from "node:buffer";

export interface Elf {
  readonly processor: string;
  readonly library: "glibc" | "musl" | "none";
}

const MACHINES: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };
const HEADER_SIZE = 64;
const LOADER = 3;

/** Null: it is no 64-bit ELF file of little-endian order. */
export function readElf(path: string): Elf | null {
  const fd = openSync(path, "r");
  try {
    const header = readAt(fd, 0, HEADER_SIZE);
    const isOurs = header.length === HEADER_SIZE && header.readUInt32BE(0) === 0x7f454c46 &&
      header[4] === 2 && header[5] === 1;
    if (!isOurs) return null;
    const machine = header.readUInt16LE(18);
    const loader = loaderOf(fd, header);
    const library = loader === "" ? "none" : loader.includes("musl") ? "musl" : "glibc";
    return { processor: MACHINES[machine] ?? `machine ${machine}`, library };
  } finally {
    closeSync(fd);
  }
}

function loaderOf(fd: number, header: Buffer): string {
  const [start, size, count] = [
    Number(header.readBigUInt64LE(32)),
    header.readUInt16LE(54),
    header.readUInt16LE(56),
  ];
  const table = readAt(fd, start, size * count);
  for (let at = 0; at + size <= table.length; at += size) {
    if (table.readUInt32LE(at) !== LOADER) continue;
    const position = Number(table.readBigUInt64LE(at + 8));
    return readAt(fd, position, Number(table.readBigUInt64LE(at + 32))).toString("latin1");
  }
  return "";
}

function readAt(fd: number, position: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  return bytes.subarray(0, readSync(fd, bytes, 0, size, position));
}
