/** Operation topic_counters: what went in and out of every topic. */

import type { Broker } from "../../broker/broker.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const TOPIC_COUNTERS = operation("topic_counters");

type Reply = ReplyOf<"topic_counters">;

export function topicCounters(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = TOPIC_COUNTERS;
  decodeBody(body, memory.bytes, start, end);
  replyBody(session, correlation, version, reply, countersOf(door.broker));
  door.server.queueSend(session.slot);
  return HANDLED;
}

function countersOf({ counters, coldReads, topics }: Broker): Reply {
  return {
    recordsIn: counters.appendedRecords,
    bytesIn: counters.appendedBytes,
    recordsOut: counters.fetchedRecords + counters.pushedRecords,
    bytesOut: counters.fetchedBytes + counters.pushedBytes,
    cacheHitBytes: coldReads === null ? 0 : coldReads.counters.hitBytes,
    cacheMissBytes: coldReads === null ? 0 : coldReads.counters.missBytes,
    topics: topics.all().map((topic) => {
      const { name, topicId, recordsIn, bytesIn, recordsOut, bytesOut } = topic;
      const { cacheHitBytes, cacheMissBytes } = topic;
      const flows = { recordsIn, bytesIn, recordsOut, bytesOut, cacheHitBytes, cacheMissBytes };
      return { name, topicId, ...flows };
    }),
  };
}
