/** Operation offset_for_time: the first record at or after a time. */

import { findOffsetForTime } from "../../broker/offset_for_time.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, MUST_WAIT, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { type Session, Waiting } from "../session.ts";

const OFFSET_FOR_TIME = operation("offset_for_time");

export function offsetForTime(door: NativeDoor, session: Session, request: Request): number {
  const { start, end, correlation } = request;
  const body = decodeBody(OFFSET_FOR_TIME.request, request.memory.bytes, start, end);
  const handle = session.handle(body.handle);
  // In order with what was asked before on this handle, as the protocol promises.
  if (!session.mayRun(handle, Waiting.time)) return MUST_WAIT;
  session.begin(handle, Waiting.time);
  handle.takenMs = door.nowMs;
  const { slot, generation } = session;
  const timestampMs = body.timestamp;
  const wanted = { slot, generation, correlation, handle: body.handle, timestampMs };
  const { broker, nowMs } = door;
  handle.lookup = findOffsetForTime(broker, handle.partition, wanted, nowMs, door);
  return HANDLED;
}
