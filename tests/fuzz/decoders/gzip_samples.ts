/** How a bent gzip member is made to fit its checksum and size again. */
import { crc32, createInflateRaw } from "node:zlib";
import type { ByteBlock } from "../../../src/base/bytes.ts";
import { decodeWhole } from "../../../src/codec/node_zlib.ts";

/** Identification, deflate, no flags, no time, no system. */
const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
const TRAILER_SIZE = 8;
/** Of what is taken to pieces to be sealed. */
const OUTPUT_MAX = 65536;

/** Sets header and trailer right, where the stream between is one; zeros behind are padding. */
export function sealGzip(input: ByteBlock, size: number): void {
  if (size < HEADER.length + TRAILER_SIZE) return;
  input.bytes.set(HEADER);
  const stream = createInflateRaw({ maxOutputLength: OUTPUT_MAX });
  try {
    const output = decodeWhole(stream, input.bytes.subarray(HEADER.length, size));
    const end = HEADER.length + stream.bytesWritten;
    if (end + TRAILER_SIZE > size) return;
    input.bytes.fill(0, end, size);
    input.view.setUint32(end, crc32(output), true);
    input.view.setUint32(end + 4, output.length, true);
  } catch {
    // It is none: the decoder is to say so too.
  }
}
