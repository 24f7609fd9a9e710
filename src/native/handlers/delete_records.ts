/** Operation delete_records: a higher log start, answered when the main thread has it on disk. */

import { deleteRecords as deleteBelow } from "../../broker/log_starts.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, MUST_WAIT, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation } from "../operations.ts";
import { type Session, Waiting } from "../session.ts";

const DELETE_RECORDS = operation("delete_records");

export function deleteRecords(door: NativeDoor, session: Session, request: Request): number {
  const { start, end, correlation } = request;
  const body = decodeBody(DELETE_RECORDS.request, request.memory.bytes, start, end);
  const handle = session.handle(body.handle);
  refuseInternal(handle.partition.topic.name);
  if (!session.mayRun(handle, Waiting.logStart)) return MUST_WAIT;
  session.begin(handle, Waiting.logStart);
  handle.takenMs = door.nowMs;
  const { partition } = handle;
  const { slot, generation } = session;
  const wanted = { slot, generation, correlation, handle: body.handle, offset: body.offset };
  const error = deleteBelow(door.broker, partition, wanted, door);
  if (error === ErrorCodes.none) return HANDLED;
  session.end(handle);
  const { directory, logStart, visible } = partition.log;
  throw new RequestError(error, `${directory} holds offsets ${logStart} to ${visible.offset}`);
}
