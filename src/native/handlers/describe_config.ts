/** Operation describe_config: the settings of the broker, and where they come from. */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const DESCRIBE_CONFIG = operation("describe_config");

export function describeConfig(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = DESCRIBE_CONFIG;
  decodeBody(body, memory.bytes, start, end);
  replyBody(session, correlation, version, reply, { entries: [...door.server.settings()] });
  door.server.queueSend(session.slot);
  return HANDLED;
}
