/** Operation describe_topic: how the partitions are. */

import { ErrorCodes } from "../../format/errors.ts";
import type { Topic, TopicPartition } from "../../broker/topics.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";
import { checkNames, wantedNames } from "../topic_names.ts";

const DESCRIBE_TOPIC = operation("describe_topic");
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** As the operation gives them. */
const State = { ok: 0, degraded: 1, storageFailed: 2 } as const;

type TopicReply = ReplyOf<"describe_topic">["topics"][number];

export function describeTopic(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  checkNames(memory, start, end);
  const body = decodeBody(DESCRIBE_TOPIC.request, memory.bytes, start, end);
  const { topics } = door.broker;
  const names = wantedNames(body.topics);
  const described = names.length === 0 ? topics.all().map(describe) : names.map((name) => {
    const topic = topics.get(name);
    return topic === undefined ? unknown(name) : describe(topic);
  });
  const { version, reply } = DESCRIBE_TOPIC;
  replyBody(session, correlation, version, reply, { topics: described });
  door.server.queueSend(session.slot);
  return HANDLED;
}

function describe({ name, topicId, cacheHitBytes, cacheMissBytes, partitions }: Topic): TopicReply {
  return {
    error: ErrorCodes.none,
    name,
    topicId,
    cacheHitBytes,
    cacheMissBytes,
    partitions: partitions.map(describePartition),
  };
}

function describePartition({ log }: TopicPartition): TopicReply["partitions"][number] {
  const { logStart, visible, durable, written, segments, degraded, broken } = log;
  return {
    state: broken ? State.storageFailed : degraded !== "" ? State.degraded : State.ok,
    logStart,
    visibleEnd: visible.offset,
    durableEnd: durable.offset,
    logEnd: written.offset,
    sizeBytes: segments.reduce((sum, { size }) => sum + size, 0),
    segments: segments.length,
  };
}

function unknown(name: string): TopicReply {
  const error = ErrorCodes.topic_not_found;
  return { error, name, topicId: NO_ID, cacheHitBytes: 0, cacheMissBytes: 0, partitions: [] };
}
