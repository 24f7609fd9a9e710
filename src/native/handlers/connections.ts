/** Operation connections: the clients that are connected. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const CONNECTIONS = operation("connections");

export function connections(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = CONNECTIONS;
  decodeBody(body, memory.bytes, start, end);
  replyBody(session, correlation, version, reply, { connections: door.server.connections() });
  door.server.queueSend(session.slot);
  return HANDLED;
}
