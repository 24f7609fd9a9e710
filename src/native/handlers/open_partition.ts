/**
 * Operation open_partition: a handle for this connection. Where topics are created as they are
 * wanted, the request waits for the main thread to do so, and is executed then.
 */

import { ErrorCodes } from "../../format/errors.ts";
import { isTopicName } from "../../format/file_names.ts";
import { HANDLES_PER_CONNECTION_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation, type RequestOf } from "../operations.ts";
import { replyBody, replyError } from "../replies.ts";
import type { Session } from "../session.ts";

const OPEN_PARTITION = operation("open_partition");

type Wanted = RequestOf<"open_partition">;

export function openPartition(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const wanted = decodeBody(OPEN_PARTITION.request, memory.bytes, start, end);
  const { settings, topics } = door.broker;
  if (topics.get(wanted.topic) === undefined && settings.createsTopics) {
    createFirst(door, session, correlation, wanted);
  } else {
    open(door, session, correlation, wanted);
  }
  return HANDLED;
}

/** The topic that a request waits for was created, or is there: it goes on. */
export function resumeOpen(
  door: NativeDoor,
  session: Session,
  correlation: number,
  wanted: Wanted,
): void {
  try {
    open(door, session, correlation, wanted);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    replyError(session, correlation, OPEN_PARTITION.version, error.code, error.message);
  }
}

function createFirst(
  door: NativeDoor,
  session: Session,
  correlation: number,
  wanted: Wanted,
): void {
  const { topic: name, partition } = wanted;
  const { partitions } = door.broker.settings;
  if (!isTopicName(name)) throw new RequestError(ErrorCodes.invalid_topic_name);
  refuseInternal(name);
  if (partition >= partitions) {
    const message = `${name} is not there and would be created with ${partitions} partitions`;
    throw new RequestError(ErrorCodes.partition_not_found, message);
  }
  if (door.server.diskRefusal !== ErrorCodes.none) throw new RequestError(door.server.diskRefusal);
  const token = door.park(session, correlation, "open_partition", wanted);
  door.server.createTopic(token, { name, partitions, config: [] });
}

/** Throws RequestError. */
function open(door: NativeDoor, session: Session, correlation: number, wanted: Wanted): void {
  const topic = door.broker.topics.get(wanted.topic);
  if (topic === undefined) throw new RequestError(ErrorCodes.topic_not_found, wanted.topic);
  const partition = topic.partitions[wanted.partition];
  if (partition === undefined) {
    const message = `${topic.name} has ${topic.partitions.length} partitions`;
    throw new RequestError(ErrorCodes.partition_not_found, message);
  }
  if (session.handles.length >= HANDLES_PER_CONNECTION_MAX) {
    throw new RequestError(ErrorCodes.too_many_handles, `${HANDLES_PER_CONNECTION_MAX}`);
  }
  const handle = session.open(partition);
  replyBody(session, correlation, OPEN_PARTITION.version, OPEN_PARTITION.reply, {
    handle,
    leaderEpoch: partition.log.leaderEpoch,
    logStart: partition.log.logStart,
    visibleEnd: partition.log.visible.offset,
    maxMessageBytes: partition.log.config.maxMessageBytes,
    durability: partition.log.config.durability,
  });
  door.server.queueSend(session.slot);
}
