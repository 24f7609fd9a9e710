/**
 * The one place where a consumer's bytes are looked up, for a fetch and for a push alike. Hot.
 *
 *     read -> slice, resident     it is sent
 *          -> COLD                who asked waits: `waitForBytes`, and asks again when it is ready
 *
 * Invariant: what it gives is visible, begins with the batch that holds the offset, and is sent
 * without waiting for the disk, unless it has waited too often, or the guard is off.
 */

import type { FileSlice } from "../base/file_slice.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { GuardedReads } from "../log/guarded_reads.ts";
import { COLD } from "../log/read.ts";
import { COLD_TRIES_MAX } from "../limits.ts";
import type { Broker } from "./broker.ts";
import type { ColdReads } from "./cold_reads.ts";
import type { ColdWaiter } from "./cold_stream.ts";
import type { TopicPartition } from "./topics.ts";

export { COLD };

/**
 * Fills `slice` with at most `maxBytes` of batches, but always one whole batch; it is empty at the
 * visible end. `broker.reader.nextOffset` is then where the next slice begins. COLD: they are not
 * in the page cache, and `waitForBytes` has to follow. `waiter` is who asks, when it may have
 * waited before.
 */
export function readSlice(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
  maxBytes: number,
  slice: FileSlice,
  waiter: ColdWaiter | null,
): ErrorCode | typeof COLD {
  const { reader, coldReads } = broker;
  const log = partition.log;
  const tries = waiter === null ? 0 : waiter.tries;
  const residency = tries < COLD_TRIES_MAX ? broker.guarding : null;
  reader.guard(residency);
  const wanted = tries === 0 ? maxBytes : Math.min(maxBytes, waiter!.partBytes);
  const error = reader.read(log, offset, wanted, slice);
  if (error !== ErrorCodes.none) return error;
  if (coldReads === null || slice.size === 0) return ErrorCodes.none;
  if (coldReads.mayPass(partition, reader.segment, slice)) return ErrorCodes.none;
  if (residency !== null) {
    reader.missSlice(slice);
    return COLD;
  }
  coldReads.passCold(partition, reader.segment, slice);
  return ErrorCodes.none;
}

/** After COLD: `waiter` is ready when what was missing has been read. */
export function waitForBytes(
  broker: Broker,
  partition: TopicPartition,
  waiter: ColdWaiter,
): void {
  waitForReads(broker.coldReads!, partition, waiter, broker.reader.reads);
}

/** `waiter` is ready when what `reads` found missing has been read. */
export function waitForReads(
  coldReads: ColdReads,
  partition: TopicPartition,
  waiter: ColdWaiter,
  reads: GuardedReads,
): void {
  coldReads.wait(partition, reads.segment, waiter, reads.missing, !reads.isAside);
  reads.forgetMissing();
}
