/**
 * The frame of the native protocol, both directions. Big-endian. Hot.
 *
 *     0  u32  size         bytes after this field: 8 and the body
 *     4  u16  operation    in a reply: error code, 0 is success
 *     6  u8   version      of the operation
 *     7  u8   flags        requests: zero; bit 7 of a reply: pushed by a subscription
 *     8  u32  correlation  chosen by the client, given back in the reply
 *    12       body
 *
 * Invariant: nothing here reads above `received`, and no size is believed before it was compared
 * with the limit of the session.
 */

import type { ByteBlock } from "../base/bytes.ts";

export const FRAME_HEADER_SIZE = 12;
/** The size field does not count itself. */
export const FRAME_SIZE_FIELD = 4;

export const FrameAt = {
  size: 0,
  operation: 4,
  error: 4,
  version: 6,
  flags: 7,
  correlation: 8,
} as const;

/** Flags of a request must all be zero. */
export const REQUEST_FLAGS = 0;
/** In the flags of a reply: nobody asked for it, a subscription pushed it. */
export const PUSH_FLAG = 0x80;

/** More bytes are needed before the size of the frame is known. */
export const FRAME_UNKNOWN = 0;
/** The size field is below a header's: nothing behind it can be trusted. */
export const FRAME_TOO_SHORT = -1;
export const FRAME_TOO_LARGE = -2;

/**
 * The whole size of the frame that begins at `at`, or one of FRAME_UNKNOWN, FRAME_TOO_SHORT and
 * FRAME_TOO_LARGE. The frame itself need not have arrived.
 */
export function frameSize(block: ByteBlock, at: number, received: number, sizeMax: number): number {
  if (received - at < FRAME_SIZE_FIELD) return FRAME_UNKNOWN;
  const size = block.view.getUint32(at) + FRAME_SIZE_FIELD;
  if (size < FRAME_HEADER_SIZE) return FRAME_TOO_SHORT;
  return size > sizeMax ? FRAME_TOO_LARGE : size;
}

/** Writes the header of a frame of `size` bytes in all. `code` is the operation or the error. */
export function writeFrameHeader(
  view: DataView,
  at: number,
  size: number,
  code: number,
  version: number,
  correlation: number,
): void {
  view.setUint32(at + FrameAt.size, size - FRAME_SIZE_FIELD);
  view.setUint16(at + FrameAt.operation, code);
  view.setUint8(at + FrameAt.version, version);
  view.setUint8(at + FrameAt.flags, 0);
  view.setUint32(at + FrameAt.correlation, correlation);
}

/** Body of produce; the batch follows. */
export const ProduceAt = { handle: 0, acks: 4, reserved: 5, reserved2: 6, batch: 8 } as const;
/** Body of the reply of produce. */
export const ProduceReplyAt = { baseOffset: 0, level: 8, leaderEpoch: 12, size: 16 } as const;
/** Body of fetch. */
export const FetchAt = {
  handle: 0,
  maxBytes: 4,
  minBytes: 8,
  maxWaitMs: 12,
  offset: 16,
  size: 24,
} as const;
/** Body of the reply of fetch; the batches follow. */
export const FetchReplyAt = { logStart: 0, visibleEnd: 8, batches: 16 } as const;
/** Body of a push; the batches follow. */
export const PushAt = { logStart: 0, visibleEnd: 8, batches: 16 } as const;
/** Body of add_credit. */
export const AddCreditAt = { subscription: 0, bytes: 4, size: 8 } as const;
