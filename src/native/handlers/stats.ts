/** Operation stats: the node's counters. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const STATS = operation("stats");

export function stats(door: NativeDoor, session: Session, request: Request): number {
  decodeBody(STATS.request, request.memory.bytes, request.start, request.end);
  const counters = door.server.counters();
  replyBody(session, request.correlation, STATS.version, STATS.reply, { counters });
  door.server.queueSend(session.slot);
  return HANDLED;
}
