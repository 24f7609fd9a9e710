/** Control operation answer: the reply of a parked create_topic goes out. */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody, replyError } from "../replies.ts";
import type { Session } from "../session.ts";

const ANSWER = controlOperation("answer");
const CREATE_TOPIC = operation("create_topic");

export function answer(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(ANSWER.request, request.memory.bytes, request.start, request.end);
  const parked = door.unpark(body.token);
  if (parked !== null) {
    const { session: asker, correlation } = parked;
    const version = CREATE_TOPIC.version;
    if (body.error === ErrorCodes.none) {
      replyBody(asker, correlation, version, CREATE_TOPIC.reply, { topicId: body.topicId });
    } else {
      replyError(asker, correlation, version, body.error, body.message);
    }
  }
  replyBody(session, request.correlation, ANSWER.version, ANSWER.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
