/**
 * Writing replies that are not hot: errors, and bodies encoded by their table.
 */

import { encodeBody } from "./codec.ts";
import { FRAME_HEADER_SIZE, FrameAt, PUSH_FLAG, writeFrameHeader } from "./frame.ts";
import { ERROR_REPLY } from "./operations.ts";
import type { Session } from "./session.ts";
import type { EncodableOf, Table } from "./table.ts";

/** A message may quote what the client sent; it need not come back as a whole. */
const MESSAGE_LENGTH_MAX = 1000;

/**
 * An error in place of the reply; `message` says what went wrong here and may be empty. Returns
 * where the frame begins.
 */
export function replyError(
  session: Session,
  correlation: number,
  version: number,
  error: number,
  message: string,
): number {
  const cut = message.slice(0, MESSAGE_LENGTH_MAX);
  const bytes = encodeBody(ERROR_REPLY, { message: cut }, FRAME_HEADER_SIZE);
  return append(session, bytes, error, version, correlation);
}

/** The last push of a subscription that did not end by itself. */
export function pushError(
  session: Session,
  correlation: number,
  error: number,
  message: string,
): void {
  const at = replyError(session, correlation, 0, error, message);
  session.reply.block!.view.setUint8(at + FrameAt.flags, PUSH_FLAG);
}

export function replyBody<const T extends Table>(
  session: Session,
  correlation: number,
  version: number,
  table: T,
  value: EncodableOf<T>,
): void {
  const bytes = encodeBody(table, value, FRAME_HEADER_SIZE);
  append(session, bytes, 0, version, correlation);
}

function append(
  session: Session,
  bytes: Uint8Array,
  code: number,
  version: number,
  correlation: number,
): number {
  const at = session.reply.reserve(bytes.length);
  const block = session.reply.block!;
  block.bytes.set(bytes, at);
  writeFrameHeader(block.view, at, bytes.length, code, version, correlation);
  return at;
}
