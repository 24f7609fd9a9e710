/** Control operation change_topic: settings that are durable are put in force. */

import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const CHANGE_TOPIC = controlOperation("change_topic");

export function changeTopic(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  door.server.changeTopic(decodeBody(CHANGE_TOPIC.request, memory.bytes, start, end));
  replyBody(session, correlation, CHANGE_TOPIC.version, CHANGE_TOPIC.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
