/** Operation delete_group: tombstones in place of offsets, answered when they are durable. */

import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { Session } from "../session.ts";

const DELETE_GROUP = operation("delete_group");

export function deleteGroup(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(DELETE_GROUP.request, request.memory.bytes, start, end);
  const token = door.park(session, request.correlation, "delete_group");
  door.broker.offsets.remove(token, body.group, body.partitions, door);
  return HANDLED;
}
