/**
 * Directory entries as getdents64 writes them.
 *
 *   | inode u64 | next u64 | recordSize u16 | type u8 | name … 0 | padding |  ×n
 *
 * Invariant: recordSize leads to the next entry and stays inside what the kernel wrote.
 */

import { assert } from "./assert.ts";
import type { Block } from "./block.ts";
import { DIRENT } from "./layouts.ts";
import type { DirectoryEntry } from "./libc.ts";
import { decodeCString } from "./text.ts";

/** Appends the entries in bytes [0, size) of `from`, but "." and "..". */
export function appendEntries(from: Block, size: number, into: DirectoryEntry[]): void {
  let start = 0;
  while (start < size) {
    const recordSize = from.view.getUint16(start + DIRENT.at.recordSize, true);
    assert(recordSize > DIRENT.at.name, "a directory record has a name");
    assert(start + recordSize <= size, "a directory record ends inside what was read");
    const name = decodeCString(from.bytes, start + DIRENT.at.name, start + recordSize);
    const type = from.view.getUint8(start + DIRENT.at.type);
    if (name !== "." && name !== "..") into.push({ name, type });
    start += recordSize;
  }
}
