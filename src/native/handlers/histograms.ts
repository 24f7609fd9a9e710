/** Operation histograms: how long things took. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const HISTOGRAMS = operation("histograms");

export function histograms(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = HISTOGRAMS;
  decodeBody(body, memory.bytes, start, end);
  replyBody(session, correlation, version, reply, { histograms: door.server.histograms() });
  door.server.queueSend(session.slot);
  return HANDLED;
}
