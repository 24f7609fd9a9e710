/**
 * From the bytes of a connection to the handlers of the native door: one frame at a time. Hot.
 *
 *     size known? -> whole? -> hello said? -> operation? -> version? -> handler
 *
 * Invariant: a frame is executed once and whole. An error in one frame is an error reply; the
 * frames behind it are still read, unless the size field itself cannot be believed.
 */

import type { ByteBlock } from "../base/bytes.ts";
import {
  FRAME_SIZE_MAX,
  FRAME_SIZE_MAX_BEFORE_HELLO,
  REPLY_SLOTS,
  SLICES_PAUSE,
} from "../limits.ts";
import { ErrorCodes } from "../format/errors.ts";
import { BodyError } from "./codec.ts";
import type { NativeDoor } from "./door.ts";
import {
  FRAME_HEADER_SIZE,
  FRAME_TOO_LARGE,
  FRAME_TOO_SHORT,
  FRAME_UNKNOWN,
  FrameAt,
  frameSize,
  REQUEST_FLAGS,
} from "./frame.ts";
import { hasNoReply } from "./handlers/produce.ts";
import { handlerOf } from "./handlers/table.ts";
import { operation } from "./operations.ts";
import { replyError } from "./replies.ts";
import { HANDLED, MUST_END, MUST_WAIT, type Request, RequestError } from "./request.ts";
import type { Session } from "./session.ts";

/** Results of `dispatchFrame` below zero or zero; above zero it is the size of the frame taken. */
export const NEEDS_BYTES = 0;
export const PAUSED = -1;
/** What is queued is the last; nothing behind the frame can be read. */
export const MUST_CLOSE = -2;

const ADD_CREDIT = operation("add_credit");
const PRODUCE = operation("produce");

const request: Request = { memory: null as never, start: 0, end: 0, correlation: 0, version: 0 };

/** Size of the frame that `dispatchFrame` found partial, or 0 when not even that is known. */
let partialSize = 0;
export function partialFrameSize(): number {
  return partialSize;
}

/** Executes the frame at `at`, when it is whole. */
export function dispatchFrame(
  door: NativeDoor,
  session: Session,
  memory: ByteBlock,
  at: number,
  received: number,
): number {
  const sizeMax = session.helloSaid ? FRAME_SIZE_MAX : FRAME_SIZE_MAX_BEFORE_HELLO;
  const size = frameSize(memory, at, received, sizeMax);
  partialSize = 0;
  if (size === FRAME_UNKNOWN) return NEEDS_BYTES;
  if (size === FRAME_TOO_SHORT) return refuseFrame(door, session, ErrorCodes.invalid_frame, "");
  if (size === FRAME_TOO_LARGE) {
    return refuseFrame(door, session, ErrorCodes.frame_too_large, `the limit is ${sizeMax} bytes`);
  }
  if (received - at < size) {
    partialSize = size;
    return NEEDS_BYTES;
  }
  if (session.outstanding >= REPLY_SLOTS) return PAUSED;
  const { memoryBytes, sliceCount } = session.reply;
  if (memoryBytes > door.replyBytesPause || sliceCount >= SLICES_PAUSE) return PAUSED;
  if (door.stopping && !session.isControl && !isCredit(memory, at)) {
    return refuseStopping(door, session, memory, at, size);
  }
  request.memory = memory;
  request.start = at + FRAME_HEADER_SIZE;
  request.end = at + size;
  const result = execute(door, session, at);
  if (result === MUST_END) return end(door, session);
  return result === MUST_WAIT ? PAUSED : size;
}

function execute(door: NativeDoor, session: Session, at: number): number {
  const view = request.memory.view;
  const code = view.getUint16(at + FrameAt.operation);
  request.version = view.getUint8(at + FrameAt.version);
  request.correlation = view.getUint32(at + FrameAt.correlation);
  const handler = handlerOf(code);
  if (view.getUint8(at + FrameAt.flags) !== REQUEST_FLAGS) {
    return refuse(door, session, ErrorCodes.invalid_frame, "flags must be zero");
  }
  if (handler === undefined) {
    return refuse(door, session, ErrorCodes.unknown_operation, `operation ${code}`);
  }
  if (request.version !== handler.version) {
    const message = `${handler.name} is known in version ${handler.version}`;
    return refuse(door, session, ErrorCodes.unsupported_version, message);
  }
  if (!session.helloSaid && !handler.beforeHello) {
    return refuse(door, session, ErrorCodes.hello_required, "");
  }
  if (handler.controlOnly && !session.isControl) {
    return refuse(door, session, ErrorCodes.not_permitted, "");
  }
  if (handler.isQuestion) door.fleeting += 1;
  else if (!handler.isHot) door.garbage += 1;
  const { lastToken } = door;
  try {
    const result = handler.run(door, session, request);
    const isAnswered = result === HANDLED && !handler.isAnsweredByDoor;
    if (isAnswered && door.lastToken === lastToken) {
      door.times.answered(code, session.isControl, door.nowMs);
    }
    return result;
  } catch (error) {
    door.times.answered(code, session.isControl, door.nowMs);
    if (error instanceof RequestError) return refuse(door, session, error.code, error.message);
    if (error instanceof BodyError) {
      return refuse(door, session, ErrorCodes.invalid_request, error.message);
    }
    throw error;
  }
}

/** Comes for a subscription that the stop has ended, and has no reply that could refuse it. */
function isCredit({ view }: ByteBlock, at: number): boolean {
  return view.getUint16(at + FrameAt.operation) === ADD_CREDIT.code;
}

/** Its requests that were taken are still answered; this one is the first that is not taken. */
function refuseStopping(
  door: NativeDoor,
  session: Session,
  memory: ByteBlock,
  at: number,
  size: number,
): number {
  const isProduce = memory.view.getUint16(at + FrameAt.operation) === PRODUCE.code;
  const isSilent = isProduce && hasNoReply(memory, at + FRAME_HEADER_SIZE, at + size);
  if (isSilent) return end(door, session);
  const version = memory.view.getUint8(at + FrameAt.version);
  const correlation = memory.view.getUint32(at + FrameAt.correlation);
  replyError(session, correlation, version, ErrorCodes.shutting_down, "");
  door.server.queueSend(session.slot);
  return MUST_CLOSE;
}

/** Replies of earlier requests still go out. */
function end(door: NativeDoor, session: Session): number {
  door.garbage += 1;
  door.server.queueSend(session.slot);
  return MUST_CLOSE;
}

function refuse(door: NativeDoor, session: Session, code: number, message: string): number {
  door.fleeting += 1;
  replyError(session, request.correlation, request.version, code, message);
  door.server.queueSend(session.slot);
  return HANDLED;
}

function refuseFrame(door: NativeDoor, session: Session, code: number, message: string): number {
  replyError(session, 0, 0, code, message);
  door.server.queueSend(session.slot);
  return MUST_CLOSE;
}
