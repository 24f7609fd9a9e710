/** Operation init_producer: an id from the shard's block, or from the next one that main gives. */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const INIT_PRODUCER = operation("init_producer");
/** Nobody has had the id before. */
const FIRST_EPOCH = 0;

export function initProducer(door: NativeDoor, session: Session, request: Request): number {
  const { start, end, correlation } = request;
  const body = decodeBody(INIT_PRODUCER.request, request.memory.bytes, start, end);
  if (body.transactionalId !== "") throw new RequestError(ErrorCodes.transactions_unsupported);
  const { producerIds } = door.broker;
  const producerId = producerIds.take();
  if (producerId >= 0) {
    replyProducer(session, correlation, producerId);
    door.server.queueSend(session.slot);
    return HANDLED;
  }
  producerIds.waiting.push(door.park(session, correlation, "init_producer"));
  if (!producerIds.isAsked) askForProducerIds(door);
  return HANDLED;
}

export function askForProducerIds(door: NativeDoor): void {
  door.broker.producerIds.isAsked = true;
  door.server.askForProducerIds();
}

export function replyProducer(session: Session, correlation: number, producerId: number): void {
  const { version, reply } = INIT_PRODUCER;
  replyBody(session, correlation, version, reply, { producerId, producerEpoch: FIRST_EPOCH });
}
