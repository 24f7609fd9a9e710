/** Operation subscribe: batches are pushed from an offset on, within a credit. */

import { subscribe as begin } from "../../broker/subscriptions.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const SUBSCRIBE = operation("subscribe");

export function subscribe(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const body = decodeBody(SUBSCRIBE.request, memory.bytes, start, end);
  const { partition } = session.handle(body.handle);
  const { offset, credit, maxBytes } = body;
  const subscriber = door.subscriberOf(session);
  const error = begin(door.broker, subscriber, partition, correlation, offset, credit, maxBytes);
  if (error !== ErrorCodes.none) throw new RequestError(error);
  const { logStart, visible } = partition.log;
  const reply = { logStart, visibleEnd: visible.offset };
  replyBody(session, correlation, SUBSCRIBE.version, SUBSCRIBE.reply, reply);
  door.server.queueSend(session.slot);
  return HANDLED;
}
