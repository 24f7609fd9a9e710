/** Control operation stop: the shard drains; the reply is sent when everything is synced. */

import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import type { Session } from "../session.ts";

const STOP = controlOperation("stop");

export function stop(door: NativeDoor, session: Session, request: Request): number {
  decodeBody(STOP.request, request.memory.bytes, request.start, request.end);
  door.server.stop(session.slot, session.generation, request.correlation);
  return HANDLED;
}
