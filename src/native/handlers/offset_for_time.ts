/** Operation offset_for_time: the first record at or after a time. */

import { findOffsetForTime } from "../../broker/offset_for_time.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, MUST_WAIT, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const OFFSET_FOR_TIME = operation("offset_for_time");

export function offsetForTime(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(OFFSET_FOR_TIME.request, request.memory.bytes, start, end);
  const handle = session.handle(body.handle);
  // In order with what was asked before on this handle, as the protocol promises.
  if (handle.pending > 0) return MUST_WAIT;
  const found = findOffsetForTime(handle.partition, body.timestamp);
  if (typeof found === "number") throw new RequestError(found);
  const { version, reply } = OFFSET_FOR_TIME;
  replyBody(session, request.correlation, version, reply, { ...found });
  door.server.queueSend(session.slot);
  return HANDLED;
}
