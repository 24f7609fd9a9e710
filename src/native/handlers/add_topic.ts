/** Control operation add_topic: opens the partitions of a topic that the catalogue holds. */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const ADD_TOPIC = controlOperation("add_topic");

export function addTopic(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(ADD_TOPIC.request, request.memory.bytes, request.start, request.end);
  const refused = door.server.addTopic(body);
  if (refused !== "") throw new RequestError(ErrorCodes.storage_failed, refused);
  replyBody(session, request.correlation, ADD_TOPIC.version, ADD_TOPIC.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
