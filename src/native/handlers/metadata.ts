/** Operation metadata: nodes and topics. */

import { ErrorCodes } from "../../format/errors.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Topic } from "../../broker/topics.ts";
import { TOPIC_SETTINGS } from "../../format/topic_config.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";
import { checkNames, wantedNames } from "../topic_names.ts";

const METADATA = operation("metadata");
const NO_ID = "00000000-0000-0000-0000-000000000000";

type TopicReply = ReplyOf<"metadata">["topics"][number];

export function metadata(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end } = request;
  checkNames(memory, start, end);
  const body = decodeBody(METADATA.request, memory.bytes, start, end);
  const { topics } = door.broker;
  const nodeId = door.server.nodeId;
  const names = wantedNames(body.topics);
  const described = names.length === 0
    ? topics.all().map((topic) => describe(door.broker, topic, nodeId))
    : names.map((name) => {
      const topic = topics.get(name);
      return topic === undefined ? unknown(name) : describe(door.broker, topic, nodeId);
    });
  replyBody(session, request.correlation, METADATA.version, METADATA.reply, {
    nodes: [{ nodeId, ...door.server.address() }],
    topics: described,
  });
  door.server.queueSend(session.slot);
  return HANDLED;
}

function describe({ settings }: Broker, topic: Topic, leader: number): TopicReply {
  const ofBroker = topic.isInternal ? [] : settings.ofTopics;
  const set = new Map([...ofBroker, ...topic.settings].map(({ key, value }) => [key, value]));
  return {
    error: ErrorCodes.none,
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map(() => ({ leader })),
    config: TOPIC_SETTINGS.map(({ key, fallback }) => ({ key, value: set.get(key) ?? fallback })),
  };
}

function unknown(name: string): TopicReply {
  const error = ErrorCodes.topic_not_found;
  return { error, name, topicId: NO_ID, partitions: [], config: [] };
}
