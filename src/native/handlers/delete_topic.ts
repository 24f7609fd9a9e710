/**
 * Operation delete_topic: decided by the main thread, answered afterwards. It may know of a topic
 * that this shard could not open.
 */

import { decodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { refuseInternal } from "../internal.ts";
import { operation } from "../operations.ts";
import type { Session } from "../session.ts";

const DELETE_TOPIC = operation("delete_topic");

export function deleteTopic(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const { name } = decodeBody(DELETE_TOPIC.request, request.memory.bytes, start, end);
  refuseInternal(name);
  door.server.deleteTopic(door.park(session, request.correlation, "delete_topic"), name);
  return HANDLED;
}
