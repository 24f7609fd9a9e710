/** Operation list_topics: what topics there are, some at a time. */

import { TOPICS_LISTED_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request } from "../request.ts";
import type { Session } from "../session.ts";

const LIST_TOPICS = operation("list_topics");

export function listTopics(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = LIST_TOPICS;
  const { after, limit } = decodeBody(body, memory.bytes, start, end);
  const page = door.broker.topics.page(after, Math.min(limit, TOPICS_LISTED_MAX));
  const topics = page.map(({ name, topicId, partitions }) => {
    return { name, topicId, partitions: partitions.length };
  });
  replyBody(session, correlation, version, reply, { topics });
  door.server.queueSend(session.slot);
  return HANDLED;
}
