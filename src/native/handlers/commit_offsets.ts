/** Operation commit_offsets: checked here, answered when the records are durable. */

import { ErrorCodes } from "../../format/errors.ts";
import { OFFSETS_PER_COMMIT_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const COMMIT_OFFSETS = operation("commit_offsets");
const EPOCH_MAX = 2147483647;

export function commitOffsets(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const commit = decodeBody(COMMIT_OFFSETS.request, request.memory.bytes, start, end);
  if (commit.offsets.length > OFFSETS_PER_COMMIT_MAX) {
    throw new RequestError(ErrorCodes.invalid_request, `at most ${OFFSETS_PER_COMMIT_MAX} offsets`);
  }
  if (commit.offsets.some(({ leaderEpoch }) => leaderEpoch < -1 || leaderEpoch > EPOCH_MAX)) {
    throw new RequestError(ErrorCodes.invalid_request, `leaderEpoch is -1 to ${EPOCH_MAX}`);
  }
  const token = door.park(session, request.correlation, "commit_offsets");
  door.broker.offsets.commit(token, commit, door);
  return HANDLED;
}
