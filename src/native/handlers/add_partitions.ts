/**
 * Operation add_partitions: checked here, made durable by the main thread, opened by add_topic,
 * answered afterwards.
 */

import { ErrorCodes } from "../../format/errors.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation } from "../operations.ts";
import type { Session } from "../session.ts";

const ADD_PARTITIONS = operation("add_partitions");

export function addPartitions(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const body = decodeBody(ADD_PARTITIONS.request, memory.bytes, start, end);
  refuseInternal(body.name);
  const topic = door.broker.topics.get(body.name);
  if (topic === undefined) throw new RequestError(ErrorCodes.topic_not_found, body.name);
  const { length } = topic.partitions;
  if (body.partitions < length || body.partitions > PARTITIONS_PER_TOPIC_MAX) {
    const message = `${topic.name} has ${length}; ${length} to ${PARTITIONS_PER_TOPIC_MAX}`;
    throw new RequestError(ErrorCodes.invalid_partitions, message);
  }
  if (door.server.diskRefusal !== ErrorCodes.none) throw new RequestError(door.server.diskRefusal);
  door.server.addPartitions(door.park(session, correlation, "add_partitions"), body);
  return HANDLED;
}
