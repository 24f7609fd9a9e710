/** Operation group_lags: how far groups are behind, topic by topic. */

import { lagsOf } from "../../broker/group_lags.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { GROUP_LAGS_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const GROUP_LAGS = operation("group_lags");

type GroupReply = ReplyOf<"group_lags">["groups"][number];

export function groupLags(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  // Before anything is made of it: a frame has room for very many.
  if (end - start >= 4 && memory.view.getUint32(start) > GROUP_LAGS_MAX) {
    throw new RequestError(ErrorCodes.invalid_request, `at most ${GROUP_LAGS_MAX} groups`);
  }
  const { groups } = decodeBody(GROUP_LAGS.request, memory.bytes, start, end);
  const { offsets } = door.broker;
  const left = { partitions: GROUP_LAGS_MAX };
  const told = groups.map(({ group: name }): GroupReply => {
    const error = offsets.refusal(name);
    if (error !== ErrorCodes.none) return { error, topics: [] };
    const group = offsets.group(name);
    if (group === undefined || group.committed === 0) { // the first commit is not durable yet
      return { error: ErrorCodes.group_not_found, topics: [] };
    }
    return { error, topics: lagsOf(door.broker, group, left) };
  });
  const { version, reply } = GROUP_LAGS;
  replyBody(session, correlation, version, reply, { groups: told });
  door.server.queueSend(session.slot);
  return HANDLED;
}
