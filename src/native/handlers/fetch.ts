/** Operation fetch: a slice of the log, at once or when enough of it is visible. Hot. */

import { isSafeU64, readU64 } from "../../base/bytes.ts";
import { fetch as fetchSlice } from "../../broker/fetch.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { HANDLED, MUST_WAIT, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { FetchAt } from "../frame.ts";
import { type Session, Waiting } from "../session.ts";

export function fetch(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end } = request;
  const view = memory.view;
  if (end - start !== FetchAt.size) throw new RequestError(ErrorCodes.invalid_request);
  const handleIndex = view.getUint32(start + FetchAt.handle);
  const handle = session.handle(handleIndex);
  if (!isSafeU64(view, start + FetchAt.offset)) {
    throw new RequestError(ErrorCodes.offset_out_of_range, "the offset is above 2^53");
  }
  if (!session.mayRun(handle, Waiting.fetch)) return MUST_WAIT;
  session.begin(handle, Waiting.fetch);
  handle.takenMs = door.nowMs;
  const wanted = door.fetchRequest;
  wanted.slot = session.slot;
  wanted.generation = session.generation;
  wanted.correlation = request.correlation;
  wanted.handle = handleIndex;
  wanted.offset = readU64(view, start + FetchAt.offset);
  wanted.countFrom = handle.readOn(wanted.offset);
  wanted.minBytes = view.getUint32(start + FetchAt.minBytes);
  wanted.maxBytes = view.getUint32(start + FetchAt.maxBytes);
  wanted.maxWaitMs = view.getUint32(start + FetchAt.maxWaitMs);
  handle.parked = fetchSlice(door.broker, handle.partition, wanted, door.nowMs, door);
  return HANDLED;
}
