/** Operation open_partition: a handle for this connection. */

import { ErrorCodes } from "../../format/errors.ts";
import { HANDLES_PER_CONNECTION_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { Handle, type Session } from "../session.ts";

const OPEN_PARTITION = operation("open_partition");

export function openPartition(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(OPEN_PARTITION.request, request.memory.bytes, start, end);
  const topic = door.broker.topics.get(body.topic);
  if (topic === undefined) throw new RequestError(ErrorCodes.topic_not_found, body.topic);
  const partition = topic.partitions[body.partition];
  if (partition === undefined) {
    const message = `${topic.name} has ${topic.partitions.length} partitions`;
    throw new RequestError(ErrorCodes.partition_not_found, message);
  }
  if (session.handles.length >= HANDLES_PER_CONNECTION_MAX) {
    throw new RequestError(ErrorCodes.too_many_handles, `${HANDLES_PER_CONNECTION_MAX}`);
  }
  session.handles.push(new Handle(partition));
  replyBody(session, request.correlation, OPEN_PARTITION.version, OPEN_PARTITION.reply, {
    handle: session.handles.length - 1,
    leaderEpoch: partition.log.leaderEpoch,
    logStart: partition.log.logStart,
    visibleEnd: partition.log.visible.offset,
    maxMessageBytes: partition.log.config.maxMessageBytes,
    durability: partition.log.config.durability,
  });
  door.server.queueSend(session.slot);
  return HANDLED;
}
