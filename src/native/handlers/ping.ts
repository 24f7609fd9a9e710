/** Operation ping: answered at once. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const PING = operation("ping");

export function ping(door: NativeDoor, session: Session, request: Request): number {
  decodeBody(PING.request, request.memory.bytes, request.start, request.end);
  replyBody(session, request.correlation, PING.version, PING.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
