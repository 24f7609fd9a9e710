/** Operation metadata: nodes and topics. */

import { ErrorCodes } from "../../format/errors.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Topic } from "../../broker/topics.ts";
import { type ConfigEntry, TOPIC_SETTINGS } from "../../format/topic_config.ts";
import { decodeBody, encodedOnce } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";
import type { EncodableOf, WrittenList } from "../table.ts";
import { checkNames, wantedNames } from "../topic_names.ts";

const METADATA = operation("metadata");
const NO_ID = "00000000-0000-0000-0000-000000000000";

type Reply = EncodableOf<typeof METADATA.reply>;
type TopicReply = Extract<Reply["topics"], readonly unknown[]>[number];

const [, [, TOPIC]] = METADATA.reply;
const [, , , , [, CONFIG]] = TOPIC;
const NO_SETTINGS: readonly ConfigEntry[] = [];
/** What topics without settings of their own are told, by the settings of the broker. */
const encoded: WeakMap<readonly ConfigEntry[], WrittenList> = new WeakMap();

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
  const ofBroker = topic.isInternal ? NO_SETTINGS : settings.ofTopics;
  return {
    error: ErrorCodes.none,
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map(() => ({ leader })),
    config: topic.settings.length === 0
      ? configOfMost(ofBroker)
      : configOf(ofBroker, topic.settings),
  };
}

function configOf(
  ofBroker: readonly ConfigEntry[],
  ofTopic: readonly ConfigEntry[],
): readonly ConfigEntry[] {
  const set = new Map([...ofBroker, ...ofTopic].map(({ key, value }) => [key, value]));
  return TOPIC_SETTINGS.map(({ key, fallback }) => ({ key, value: set.get(key) ?? fallback }));
}

/** Of topics without settings of their own; the more topics there are the more are. */
function configOfMost(ofBroker: readonly ConfigEntry[]): WrittenList {
  const known = encoded.get(ofBroker);
  if (known !== undefined) return known;
  const made = encodedOnce(CONFIG, configOf(ofBroker, NO_SETTINGS));
  encoded.set(ofBroker, made);
  return made;
}

function unknown(name: string): TopicReply {
  const error = ErrorCodes.topic_not_found;
  return { error, name, topicId: NO_ID, partitions: [], config: [] };
}
