/** Control operation answer: the reply of a parked request goes out. */

import { OFFSETS_TOPIC_TOKEN } from "../../broker/group_offsets.ts";
import { type ErrorCode, ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody, replyError } from "../replies.ts";
import { resumeOpen } from "./open_partition.ts";
import type { Session } from "../session.ts";

const ANSWER = controlOperation("answer");
const CREATE_TOPIC = operation("create_topic");

export function answer(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(ANSWER.request, request.memory.bytes, request.start, request.end);
  if (body.token === OFFSETS_TOPIC_TOKEN) {
    door.broker.offsets.topicAnswered(body.error as ErrorCode, door);
  }
  const found = door.unpark(body.token);
  if (found !== null) {
    const { session: asker, parked } = found;
    const { correlation, wanted } = parked;
    const { version } = operation(parked.operation);
    const isThere = body.error === ErrorCodes.none || body.error === ErrorCodes.topic_exists;
    if (wanted !== null && isThere) {
      resumeOpen(door, asker, correlation, wanted);
    } else if (body.error !== ErrorCodes.none) {
      replyError(asker, correlation, version, body.error, body.message);
    } else if (parked.operation === "create_topic") {
      replyBody(asker, correlation, version, CREATE_TOPIC.reply, { topicId: body.topicId });
    } else {
      replyBody(asker, correlation, version, [], {});
    }
  }
  replyBody(session, request.correlation, ANSWER.version, ANSWER.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
