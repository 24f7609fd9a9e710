/**
 * Operation topic_counters: what went in and out of topics. Of thousands of topics only so many are
 * told: what a look costs the loop does not depend on how many there are. What of a topic stays as
 * it is, name and id, is encoded once.
 */

import { writeU64 } from "../../base/bytes.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Topic } from "../../broker/topics.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { TOPICS_LISTED_MAX } from "../../limits.ts";
import { decodeBody, encodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf, type RequestOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";
import type { Table, WrittenList } from "../table.ts";

const TOPIC_COUNTERS = operation("topic_counters");
/** Of an element: what comes before its counters, each of them a u64. */
const HEAD: Table = [["name", "string", ""], ["topicId", "uuid", ""]];
const FLOWS_SIZE = 6 * 8;

type Reply = Omit<ReplyOf<"topic_counters">, "topics"> & { readonly topics: WrittenList };

const heads: WeakMap<Topic, Uint8Array> = new WeakMap();

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
    topics: written([...new Set([...known, ...newer])]),
  };
}

function written(topics: readonly Topic[]): WrittenList {
  const size = topics.reduce((sum, topic) => sum + headOf(topic).length + FLOWS_SIZE, 0);
  return {
    count: topics.length,
    size,
    writeTo: (bytes, view, start) => {
      let at = start;
      for (const topic of topics) {
        const head = headOf(topic);
        bytes.set(head, at);
        writeFlows(topic, view, at + head.length);
        at += head.length + FLOWS_SIZE;
      }
    },
  };
}

function headOf(topic: Topic): Uint8Array {
  const known = heads.get(topic);
  if (known !== undefined) return known;
  const { name, topicId } = topic;
  const head = encodeBody(HEAD, { name, topicId });
  heads.set(topic, head);
  return head;
}

/** In the order of the table. */
function writeFlows(topic: Topic, view: DataView, at: number): void {
  writeU64(view, at, topic.recordsIn);
  writeU64(view, at + 8, topic.bytesIn);
  writeU64(view, at + 16, topic.recordsOut);
  writeU64(view, at + 24, topic.bytesOut);
  writeU64(view, at + 32, topic.cacheHitBytes);
  writeU64(view, at + 40, topic.cacheMissBytes);
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
