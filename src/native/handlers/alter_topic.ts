/**
 * Operation alter_topic: checked here, made durable by the main thread, put in force by
 * change_topic, answered afterwards.
 */

import { ErrorCodes } from "../../format/errors.ts";
import { changeTopicConfig } from "../../format/topic_config.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation } from "../operations.ts";
import type { Session } from "../session.ts";

const ALTER_TOPIC = operation("alter_topic");

export function alterTopic(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const body = decodeBody(ALTER_TOPIC.request, memory.bytes, start, end);
  refuseInternal(body.name);
  const topic = door.broker.topics.get(body.name);
  if (topic === undefined) throw new RequestError(ErrorCodes.topic_not_found, body.name);
  const config = changeTopicConfig(topic.settings, body);
  if (typeof config === "string") throw new RequestError(ErrorCodes.invalid_config, config);
  door.server.alterTopic(door.park(session, correlation, "alter_topic"), body);
  return HANDLED;
}
