/** Operation create_topic: checked here, made durable by the main thread, answered afterwards. */

import { ErrorCodes } from "../../format/errors.ts";
import { isTopicName } from "../../format/file_names.ts";
import { changeTopicConfig } from "../../format/topic_config.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation } from "../operations.ts";
import type { Session } from "../session.ts";

const CREATE_TOPIC = operation("create_topic");

export function createTopic(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(CREATE_TOPIC.request, request.memory.bytes, start, end);
  if (!isTopicName(body.name)) throw new RequestError(ErrorCodes.invalid_topic_name);
  refuseInternal(body.name);
  if (body.partitions < 1 || body.partitions > PARTITIONS_PER_TOPIC_MAX) {
    throw new RequestError(ErrorCodes.invalid_partitions, `1 to ${PARTITIONS_PER_TOPIC_MAX}`);
  }
  const config = changeTopicConfig([], { set: body.config, unset: [] }); // each key once
  if (typeof config === "string") throw new RequestError(ErrorCodes.invalid_config, config);
  if (door.broker.topics.get(body.name) !== undefined) {
    throw new RequestError(ErrorCodes.topic_exists, body.name);
  }
  if (door.server.diskRefusal !== ErrorCodes.none) throw new RequestError(door.server.diskRefusal);
  const { name, partitions } = body;
  const token = door.park(session, request.correlation, "create_topic");
  door.server.createTopic(token, { name, partitions, config });
  return HANDLED;
}
