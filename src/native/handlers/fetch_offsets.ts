/** Operation fetch_offsets: what a group has committed, from memory. */

import type { OffsetPlace } from "../../broker/group_offsets.ts";
import type { Group } from "../../broker/offset_store.ts";
import { ErrorCodes } from "../../format/errors.ts";
import type { CommittedOffset } from "../../format/offset_records.ts";
import { OFFSETS_PER_GROUP_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const FETCH_OFFSETS = operation("fetch_offsets");
const NONE = -1;

type OffsetReply = ReplyOf<"fetch_offsets">["offsets"][number];

export function fetchOffsets(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(FETCH_OFFSETS.request, request.memory.bytes, start, end);
  if (body.partitions.length > OFFSETS_PER_GROUP_MAX) {
    const message = `at most ${OFFSETS_PER_GROUP_MAX} partitions`;
    throw new RequestError(ErrorCodes.invalid_request, message);
  }
  const error = door.broker.offsets.refusal(body.group);
  if (error !== ErrorCodes.none) throw new RequestError(error);
  const known = door.broker.offsets;
  const describeAt = (place: OffsetPlace) => describe(place, known.committed(body.group, place));
  const offsets = body.partitions.length > 0
    ? body.partitions.map(describeAt)
    : allOf(known.group(body.group)).map(describeAt).filter(({ offset }) => offset !== NONE);
  const { version, reply } = FETCH_OFFSETS;
  replyBody(session, request.correlation, version, reply, { offsets });
  door.server.queueSend(session.slot);
  return HANDLED;
}

function allOf(group: Group | undefined): OffsetPlace[] {
  const topics = [...(group?.topics ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  return topics.flatMap(([topic, entries]) => {
    const partitions = [...entries.keys()].sort((a, b) => a - b);
    return partitions.map((partition) => ({ topic, partition }));
  });
}

function describe(
  { topic, partition }: OffsetPlace,
  commit: CommittedOffset | null,
): OffsetReply {
  return {
    error: ErrorCodes.none,
    topic,
    partition,
    offset: commit?.offset ?? NONE,
    leaderEpoch: commit?.leaderEpoch ?? NONE,
    metadata: commit?.metadata ?? "",
    commitTimestamp: commit?.timestampMs ?? NONE,
  };
}
