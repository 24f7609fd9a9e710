/** Operation hello: versions are exchanged and the session is open. */

import { ErrorCodes } from "../../format/errors.ts";
import { CLIENT_NAME_LENGTH_MAX, FRAME_SIZE_MAX } from "../../limits.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation, PROTOCOL_VERSION } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";

const HELLO = operation("hello");

export function hello(door: NativeDoor, session: Session, request: Request): number {
  const body = decodeBody(HELLO.request, request.memory.bytes, request.start, request.end);
  if (body.protocol !== PROTOCOL_VERSION) {
    const message = `this broker speaks protocol ${PROTOCOL_VERSION}`;
    throw new RequestError(ErrorCodes.unsupported_protocol, message);
  }
  if (body.clientName.length > CLIENT_NAME_LENGTH_MAX) {
    const message = `clientName has at most ${CLIENT_NAME_LENGTH_MAX} characters`;
    throw new RequestError(ErrorCodes.invalid_request, message);
  }
  session.helloSaid = true;
  session.clientName = body.clientName;
  replyBody(session, request.correlation, HELLO.version, HELLO.reply, {
    protocol: PROTOCOL_VERSION,
    nodeId: door.server.nodeId,
    nodeEpoch: door.server.nodeEpoch,
    frameSizeMax: FRAME_SIZE_MAX,
    brokerVersion: door.server.version,
  });
  door.server.queueSend(session.slot);
  return HANDLED;
}
