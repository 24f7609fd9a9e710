/** Operation offset_times: when records were made. */

import { findOffsetTime } from "../../broker/offset_times.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { OFFSET_TIMES_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const OFFSET_TIMES = operation("offset_times");

export function offsetTimes(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  // Before anything is made of it: a frame has room for very many.
  if (end - start >= 4 && memory.view.getUint32(start) > OFFSET_TIMES_MAX) {
    throw new RequestError(ErrorCodes.invalid_request, `at most ${OFFSET_TIMES_MAX} places`);
  }
  const { places } = decodeBody(OFFSET_TIMES.request, memory.bytes, start, end);
  const times = places.map((place) => findOffsetTime(door.broker, place));
  const { version, reply } = OFFSET_TIMES;
  replyBody(session, correlation, version, reply, { times });
  door.server.queueSend(session.slot);
  return HANDLED;
}
