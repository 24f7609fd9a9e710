/**
 * Control operation add_topic: opens the partitions of a topic that the catalogue holds. The server
 * does so in its own time and answers then.
 */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { replyBody, replyError } from "../replies.ts";
import type { Session } from "../session.ts";

const ADD_TOPIC = controlOperation("add_topic");

export function addTopic(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(ADD_TOPIC.request, request.memory.bytes, request.start, request.end);
  door.server.addTopic(body, session.slot, session.generation, request.correlation);
  return HANDLED;
}

/** `refused` is what the disk said, or empty: the topic is known. */
export function answerAddTopic(session: Session, correlation: number, refused: string): void {
  const { version, reply } = ADD_TOPIC;
  if (refused === "") replyBody(session, correlation, version, reply, {});
  else replyError(session, correlation, version, ErrorCodes.storage_failed, refused);
}
