/** Operation health: how the node is, in a few numbers. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const HEALTH = operation("health");

export function health(door: NativeDoor, session: Session, request: Request): number {
  decodeBody(HEALTH.request, request.memory.bytes, request.start, request.end);
  replyBody(session, request.correlation, HEALTH.version, HEALTH.reply, door.server.health());
  door.server.queueSend(session.slot);
  return HANDLED;
}
