/**
 * Operation topic_counters: what went in and out of topics. Of thousands of topics only so many are
 * told: what a look costs the loop does not depend on how many there are.
 */

import type { Broker } from "../../broker/broker.ts";
import type { Topic } from "../../broker/topics.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { TOPICS_LISTED_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf, type RequestOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const TOPIC_COUNTERS = operation("topic_counters");

type Reply = ReplyOf<"topic_counters">;

/** Throws RequestError. */
export function topicCounters(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = TOPIC_COUNTERS;
  const isLong = end - start >= 4 && memory.view.getUint32(start) > TOPICS_LISTED_MAX;
  if (isLong) {
    throw new RequestError(ErrorCodes.invalid_request, `at most ${TOPICS_LISTED_MAX} topics`);
  }
  const wanted = decodeBody(body, memory.bytes, start, end);
  replyBody(session, correlation, version, reply, countersOf(door.broker, wanted));
  door.server.queueSend(session.slot);
  return HANDLED;
}

function countersOf(
  { counters, coldReads, topics }: Broker,
  { named, newerThan, limit }: RequestOf<"topic_counters">,
): Reply {
  const known = named.flatMap(({ topicId }) => topics.withId(topicId) ?? []);
  const newer = busiest(topics.newerThan(newerThan), Math.min(limit, TOPICS_LISTED_MAX));
  return {
    recordsIn: counters.appendedRecords,
    bytesIn: counters.appendedBytes,
    recordsOut: counters.fetchedRecords + counters.pushedRecords,
    bytesOut: counters.fetchedBytes + counters.pushedBytes,
    cacheHitBytes: coldReads === null ? 0 : coldReads.counters.hitBytes,
    cacheMissBytes: coldReads === null ? 0 : coldReads.counters.missBytes,
    newest: topics.newest,
    topics: [...new Set([...known, ...newer])].map((topic) => {
      const { name, topicId, recordsIn, bytesIn, recordsOut, bytesOut } = topic;
      const { cacheHitBytes, cacheMissBytes } = topic;
      const flows = { recordsIn, bytesIn, recordsOut, bytesOut, cacheHitBytes, cacheMissBytes };
      return { name, topicId, ...flows };
    }),
  };
}

/** `limit` of them. Numbers are sorted, not topics: that takes a tenth of the time. */
function busiest(topics: readonly Topic[], limit: number): readonly Topic[] {
  if (topics.length <= limit) return topics;
  if (limit === 0) return [];
  const traffic = Float64Array.from(topics, trafficOf).sort();
  const least = traffic[traffic.length - limit]!;
  const above = topics.filter((topic) => trafficOf(topic) > least);
  const equal = topics.filter((topic) => trafficOf(topic) === least);
  return [...above, ...equal.slice(0, limit - above.length)];
}

function trafficOf({ bytesIn, bytesOut }: Topic): number {
  return bytesIn + bytesOut;
}
