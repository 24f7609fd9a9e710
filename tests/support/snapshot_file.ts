/**
 * A producer snapshot of any version, whole by its checksum, as Latin-1 text.
 *
 *     i16 version | u32 crc32c of what follows | body
 */
import { heapBlock } from "../../src/base/bytes.ts";
import { crc32c } from "../../src/base/crc32c.ts";

const HEADER_SIZE = 6;

export function snapshotFile(version: number, body: string): string {
  const size = HEADER_SIZE + body.length;
  const block = heapBlock(size);
  block.bytes.set(Uint8Array.from(body, (char) => char.charCodeAt(0)), HEADER_SIZE);
  block.view.setInt16(0, version);
  block.view.setUint32(2, crc32c(block.bytes, block.words, HEADER_SIZE, body.length));
  return String.fromCharCode(...block.bytes.subarray(0, size));
}
