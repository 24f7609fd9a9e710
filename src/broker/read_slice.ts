/**
 * The one place where a consumer's bytes are looked up, for a fetch and for a push alike. Hot.
 *
 * Invariant: what it gives is visible, and begins with the batch that holds the offset.
 */

import type { FileSlice } from "../base/file_slice.ts";
import type { ErrorCode } from "../format/errors.ts";
import type { Broker } from "./broker.ts";
import type { TopicPartition } from "./topics.ts";

/**
 * Fills `slice` with at most `maxBytes` of batches, but always one whole batch; it is empty at the
 * visible end. `broker.reader.nextOffset` is then where the next slice begins.
 */
export function readSlice(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
  maxBytes: number,
  slice: FileSlice,
): ErrorCode {
  return broker.reader.read(partition.log, offset, maxBytes, slice);
}
