/**
 * Operation histograms: how long things took. Thousands of buckets go from where they are counted
 * to the reply, and no object is made of any.
 */

import { BUCKET_SIZE } from "../../base/histogram.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NamedHistogram, NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";
import type { WrittenList } from "../table.ts";

type Told = Omit<ReplyOf<"histograms">["histograms"][number], "buckets"> & {
  readonly buckets: WrittenList;
};

const HISTOGRAMS = operation("histograms");

export function histograms(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { request: body, reply, version } = HISTOGRAMS;
  decodeBody(body, memory.bytes, start, end);
  const told = door.server.histograms().map(describe);
  replyBody(session, correlation, version, reply, { histograms: told });
  door.server.queueSend(session.slot);
  return HANDLED;
}

function describe({ name, listener, operation: asked, values }: NamedHistogram): Told {
  const { count, sum, max, bucketCount } = values;
  const buckets = {
    count: bucketCount,
    size: bucketCount * BUCKET_SIZE,
    writeTo: (_: Uint8Array, view: DataView, at: number) => values.writeBuckets(view, at),
  };
  return { name, listener, operation: asked, count, sum: Math.round(sum), max, buckets };
}
