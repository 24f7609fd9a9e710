/** What clients may not do to a topic that belongs to the broker; see format/internal_topics.ts. */

import { ErrorCodes } from "../format/errors.ts";
import { isInternalTopic } from "../format/internal_topics.ts";
import { RequestError } from "./request.ts";
import type { Session } from "./session.ts";

/** Throws RequestError. The broker itself, on its own socket, may do everything. */
export function refuseInternal(session: Session, topic: string): void {
  if (isInternalTopic(topic) && !session.isControl) {
    throw new RequestError(ErrorCodes.topic_is_internal, topic);
  }
}
