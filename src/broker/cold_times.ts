/**
 * When records were made, as every door asks for it. Nobody waits for an answer: what is not in the
 * page cache is not known for now, and is read in the background for who asks again.
 *
 *     asked -> remembered, or resident -> the time
 *           -> COLD: storage_slow         wanted: | place | place | ...
 *                                                     worker reads -> looked at again -> remembered
 *
 * Invariant: for one place at a time something is read, the first, as long as there is one: who
 * waits for his bytes does not wait behind hundreds of places.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { COLD_TRIES_MAX, OFFSET_TIMES_MAX } from "../limits.ts";
import { COLD } from "../log/read.ts";
import { BatchTimes, type RecordMade } from "./batch_times.ts";
import type { Broker } from "./broker.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import type { TopicPartition } from "./topics.ts";

interface Place {
  readonly partition: TopicPartition;
  readonly offset: number;
}

/** The time of a record, or an error code; storage_slow: it is being read, ask again. */
export function timeIn(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
): RecordMade | ErrorCode {
  const found = find(broker, partition, offset);
  if (found !== COLD) return found;
  broker.coldTimes.want(broker, { partition, offset });
  return ErrorCodes.storage_slow;
}

function find(
  { reader, guarding }: Broker,
  partition: TopicPartition,
  offset: number,
): RecordMade | ErrorCode | typeof COLD {
  reader.guard(guarding);
  partition.batchTimes ??= new BatchTimes();
  return partition.batchTimes.find(reader, partition.log, offset);
}

export class ColdTimes implements ColdWaiter {
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  readonly #wanted: Place[] = [];

  /** A place was found COLD just now. Where too many are wanted, who asks again asks for it. */
  want(broker: Broker, place: Place): void {
    const { partition, offset } = place;
    const wanted = this.#wanted;
    const isKnown = wanted.some((one) => one.partition === partition && one.offset === offset);
    const isNew = !isKnown && wanted.length < OFFSET_TIMES_MAX;
    if (isNew && wanted.push(place) === 1) this.#wait(broker, partition);
    else broker.reader.reads.forgetMissing();
  }

  /** What was missing for the first place has been read, or could not be. */
  goOn(broker: Broker): void {
    if (this.readResult < 0) this.#endFirst();
    while (this.#wanted.length > 0) {
      const { partition, offset } = this.#wanted[0]!;
      if (!partition.removed && find(broker, partition, offset) === COLD) {
        if (this.tries < COLD_TRIES_MAX) return this.#wait(broker, partition);
        broker.reader.reads.forgetMissing(); // it leaves the cache faster than it is read
      }
      this.#endFirst();
    }
  }

  #endFirst(): void {
    this.#wanted.shift();
    this.tries = 0;
  }

  /** A header is read for itself: nobody goes on from there through the log. */
  #wait({ coldReads, reader }: Broker, partition: TopicPartition): void {
    const { reads } = reader;
    coldReads!.wait(partition, reads.segment, this, reads.missing, false);
    reads.forgetMissing();
  }
}
