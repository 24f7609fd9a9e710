/** Operation add_credit: a consumer has read, and more may be pushed. No reply. Hot. */

import { addCredit as add } from "../../broker/subscriptions.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { AddCreditAt } from "../frame.ts";
import type { Session } from "../session.ts";

export function addCredit(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end } = request;
  if (end - start !== AddCreditAt.size) throw new RequestError(ErrorCodes.invalid_request);
  if (session.subscriber === null) return HANDLED;
  const subscription = memory.view.getUint32(start + AddCreditAt.subscription);
  const bytes = memory.view.getUint32(start + AddCreditAt.bytes);
  add(door.broker, session.subscriber, subscription, bytes);
  return HANDLED;
}
