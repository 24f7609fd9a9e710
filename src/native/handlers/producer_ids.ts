/** Control operation producer_ids: a block of ids is there, and who waited for it is answered. */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { controlOperation } from "../control_operations.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody, replyError } from "../replies.ts";
import { HANDLED, type Request } from "../request.ts";
import type { Session } from "../session.ts";
import { askForProducerIds, replyProducer } from "./init_producer.ts";

const PRODUCER_IDS = controlOperation("producer_ids");
const INIT_PRODUCER = operation("init_producer");

export function producerIds(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const body = decodeBody(PRODUCER_IDS.request, request.memory.bytes, start, end);
  const ids = door.broker.producerIds;
  ids.isAsked = false;
  if (body.error !== ErrorCodes.none) refuseProducers(door, body.error, body.message);
  else ids.add(body.first, body.count);
  while (ids.waiting.length > 0) {
    const found = door.unpark(ids.waiting[0]!);
    if (found === null) { // its connection has ended
      ids.waiting.shift();
      continue;
    }
    const producerId = ids.take();
    if (producerId < 0) {
      ids.waiting[0] = door.park(found.session, found.parked.correlation, "init_producer");
      askForProducerIds(door);
      break;
    }
    ids.waiting.shift();
    replyProducer(found.session, found.parked.correlation, producerId);
  }
  replyBody(session, request.correlation, PRODUCER_IDS.version, PRODUCER_IDS.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}

/** No block comes: everybody who waits for an id is refused. */
export function refuseProducers(door: NativeDoor, error: number, message: string): void {
  for (const token of door.broker.producerIds.waiting.splice(0)) {
    const found = door.unpark(token);
    if (found === null) continue;
    replyError(found.session, found.parked.correlation, INIT_PRODUCER.version, error, message);
  }
}
