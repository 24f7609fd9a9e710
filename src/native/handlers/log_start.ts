/** Control operation log_start: a log start is durable; who waited for it is answered. */

import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const LOG_START = controlOperation("log_start");

export function logStart(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(LOG_START.request, request.memory.bytes, request.start, request.end);
  door.server.logStart(body);
  replyBody(session, request.correlation, LOG_START.version, LOG_START.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
