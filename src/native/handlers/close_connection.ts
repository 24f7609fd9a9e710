/** Operation close_connection: the connection ends after the replies of this turn. */

import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const CLOSE_CONNECTION = operation("close_connection");

export function closeConnection(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const { id } = decodeBody(CLOSE_CONNECTION.request, memory.bytes, start, end);
  if (!door.server.closeConnection(id)) {
    throw new RequestError(ErrorCodes.connection_not_found, String(id));
  }
  replyBody(session, correlation, CLOSE_CONNECTION.version, CLOSE_CONNECTION.reply, {});
  door.server.queueSend(session.slot);
  return HANDLED;
}
