/** What clients may not do to a topic that belongs to the broker; see format/internal_topics.ts. */

import { ErrorCodes } from "../format/errors.ts";
import { isInternalTopic } from "../format/internal_topics.ts";
import { RequestError } from "./request.ts";

/**
 * Throws RequestError. On the broker's own socket too: what comes there may be what a client asked
 * of the HTTP door. The broker makes its topics by other operations.
 */
export function refuseInternal(topic: string): void {
  if (isInternalTopic(topic)) throw new RequestError(ErrorCodes.topic_is_internal, topic);
}
