/**
 * Operation produce: one batch, from the receive buffer to the log. With acks 0 nothing is
 * answered, not even an error: one that the client must hear of ends the connection, as with Kafka.
 * Hot.
 */

import type { ByteBlock } from "../../base/bytes.ts";
import { mustHold, produce as appendBatch, waitsForSync } from "../../broker/produce.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { Acks } from "../../format/levels.ts";
import { HANDLED, MUST_END, MUST_WAIT, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { ProduceAt } from "../frame.ts";
import { operation } from "../operations.ts";
import { type Session, Waiting } from "../session.ts";

const PRODUCE = operation("produce");

/** Whether the body [start, end) of a produce says that there is no reply. */
export function hasNoReply(memory: ByteBlock, start: number, end: number): boolean {
  return end - start > ProduceAt.acks &&
    memory.view.getUint8(start + ProduceAt.acks) === Acks.none;
}

export function produce(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end } = request;
  const view = memory.view;
  const isSilent = hasNoReply(memory, start, end);
  if (end - start < ProduceAt.batch) {
    if (isSilent) return MUST_END;
    throw new RequestError(ErrorCodes.invalid_request);
  }
  const handleIndex = view.getUint32(start + ProduceAt.handle);
  const acks = view.getUint8(start + ProduceAt.acks);
  if (acks !== Acks.all && acks !== Acks.leader && acks !== Acks.none) {
    throw new RequestError(ErrorCodes.invalid_request, "acks is 0, 1 or 255");
  }
  if ((view.getUint32(start + ProduceAt.acks) & 0xffffff) !== 0) {
    if (isSilent) return MUST_END;
    throw new RequestError(ErrorCodes.invalid_request, "reserved is zero");
  }
  if (isSilent) {
    if (session.isDeleted(handleIndex)) return HANDLED;
    const wanted = session.handles[handleIndex];
    if (wanted === undefined) return MUST_END;
    if (wanted.partition.topic.isInternal) return MUST_END;
  }
  const handle = session.handle(handleIndex);
  const { topic } = handle.partition;
  if (topic.isInternal) throw new RequestError(ErrorCodes.topic_is_internal, topic.name);
  const kind = waitsForSync(handle.partition, acks) ? Waiting.durable : Waiting.written;
  if (!session.mayRun(handle, kind) || mustHold(door.broker, handle.partition)) return MUST_WAIT;
  if (!isSilent) session.begin(handle, kind);
  const at = start + ProduceAt.batch;
  const { slot, generation } = session;
  appendBatch(
    door.broker,
    handle.partition,
    memory,
    at,
    end - at,
    acks,
    slot,
    generation,
    request.correlation,
    handleIndex,
  );
  if (isSilent) door.times.answered(PRODUCE.code, session.isControl, door.nowMs);
  return HANDLED;
}
