/** Control operation apply_config: settings that are durable are put in force. */

import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const APPLY_CONFIG = controlOperation("apply_config");

export function applyConfig(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  door.server.applyConfig(decodeBody(APPLY_CONFIG.request, memory.bytes, start, end));
  replyBody(session, correlation, APPLY_CONFIG.version, APPLY_CONFIG.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
