/** Operation pace_subscription: a subscription rests behind pushes that reached the visible end. */

import { pace } from "../../broker/subscriptions.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const PACE = operation("pace_subscription");

export function paceSubscription(door: NativeDoor, session: Session, request: Request): number {
  const { memory, correlation, start, end } = request;
  const { subscription, intervalMs } = decodeBody(PACE.request, memory.bytes, start, end);
  const { subscriber } = session;
  if (subscriber === null || !pace(subscriber, subscription, intervalMs)) {
    throw new RequestError(ErrorCodes.unknown_subscription);
  }
  replyBody(session, correlation, PACE.version, PACE.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
