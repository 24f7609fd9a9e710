/** Operation unsubscribe: what was pushed before is sent before the answer, nothing after it. */

import { unsubscribe as end } from "../../broker/subscriptions.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const UNSUBSCRIBE = operation("unsubscribe");

export function unsubscribe(door: NativeDoor, session: Session, request: Request): number {
  const { memory, correlation } = request;
  const body = decodeBody(UNSUBSCRIBE.request, memory.bytes, request.start, request.end);
  const { subscriber } = session;
  if (subscriber === null || !end(door.broker, subscriber, body.subscription)) {
    throw new RequestError(ErrorCodes.unknown_subscription);
  }
  replyBody(session, correlation, UNSUBSCRIBE.version, UNSUBSCRIBE.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
