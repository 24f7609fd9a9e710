/** Control operation remove_topic: the shard lets go of a topic that is being deleted. */

import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const REMOVE_TOPIC = controlOperation("remove_topic");

export function removeTopic(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(REMOVE_TOPIC.request, request.memory.bytes, request.start, request.end);
  door.server.removeTopic(body);
  replyBody(session, request.correlation, REMOVE_TOPIC.version, REMOVE_TOPIC.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
