/** Operation offsets: the ends of a partition. */

import { decodeBody } from "../codec.ts";
import { HANDLED, MUST_WAIT, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const OFFSETS = operation("offsets");

export function offsets(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(OFFSETS.request, request.memory.bytes, request.start, request.end);
  const handle = session.handle(body.handle);
  // In order with what was asked before on this handle, as the protocol promises.
  if (handle.pending > 0) return MUST_WAIT;
  const log = handle.partition.log;
  replyBody(session, request.correlation, OFFSETS.version, OFFSETS.reply, {
    logStart: log.logStart,
    visibleEnd: log.visible.offset,
    durableEnd: log.durable.offset,
    logEnd: log.written.offset,
  });
  door.server.queueSend(session.slot);
  return HANDLED;
}
