/**
 * Records as Server-Sent Events, from positions on without end.
 *
 *     retry: 1000
 *     id: 0:17,1:4@1a2b3c4d   where it begins: who loses it before the first record goes on here
 *
 *     id: 0:18,1:4@1a2b3c4d   where the reader is behind this record
 *     data: {"topic":"orders","partition":0,"offset":17, …}
 *
 *     :                       nothing for a while
 *
 *     event: problem          why it ends, where not because the broker stops
 *     data: {"name":"topic_not_found", …}
 *
 * Whoever comes back with the `id` of the last whole event as Last-Event-ID gets what follows it,
 * nothing twice and nothing left out, also after a restart of the broker: positions are offsets.
 *
 * Invariant: the `id` of an event counts exactly the records of the events up to it.
 */

import { clearTimeout, setTimeout } from "node:timers";
import type { ConsumerBatch } from "../../client/consumer.ts";
import { JsonWriter } from "../../client/json_writer.ts";
import { viewOf, writeRecord } from "../../client/record_json.ts";
import { HTTP_DECOMPRESSED_SIZE_MAX, HTTP_RECONNECT_MS, HTTP_STREAM_PIECE } from "../../limits.ts";
import { problemOf } from "../problem.ts";
import { addPartition, positionsAround, positionsText } from "./positions.ts";

export interface EventStreamOptions {
  readonly batches: AsyncGenerator<ConsumerBatch, void, void>;
  /** Where the batches begin; kept up to date, batch by batch. */
  readonly positions: Map<number, number>;
  /** Of the topic; see positions.ts. */
  readonly tag: string;
  readonly heartbeatMs: number;
  /** Called when the batches are given back. */
  readonly ended: () => void;
}

const HEARTBEAT = ":\n\n";

const encoder = new TextEncoder();
/** Of all streams: what it holds is taken before another has its turn. */
const out = new JsonWriter();

/** Ends when the batches do. Never throws. */
export async function* eventsOf(
  options: EventStreamOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { batches, positions, tag, heartbeatMs, ended } = options;
  const arrivals = new Arrivals(batches);
  try {
    yield encoder.encode(`retry: ${HTTP_RECONNECT_MS}\nid: ${positionsText(positions, tag)}\n\n`);
    for (;;) {
      const arrival = await arrivals.next(heartbeatMs);
      if (arrival === null) {
        yield encoder.encode(HEARTBEAT);
        continue;
      }
      if (arrival.done === true) return;
      yield* eventsOfBatch(arrival.value, positions, tag);
    }
  } catch (error) {
    yield encoder.encode(`event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`);
  } finally {
    await batches.return().finally(ended);
  }
}

/** The records of a batch, some at a time. Throws CorruptBatchError. */
function* eventsOfBatch(
  batch: ConsumerBatch,
  positions: Map<number, number>,
  tag: string,
): Generator<Uint8Array<ArrayBuffer>> {
  const { topic, partition, records, nextOffset } = batch;
  records.decompressedSizeMax = HTTP_DECOMPRESSED_SIZE_MAX;
  if (!positions.has(partition)) addPartition(positions, partition, nextOffset);
  const [before, behind] = positionsAround(positions, tag, partition);
  const begin = encoder.encode(`id: ${before}`);
  const middle = encoder.encode(`${behind}\ndata: `);
  try {
    while (records.next()) {
      out.bytes(begin);
      out.number(records.offset + 1);
      out.bytes(middle);
      writeRecord(out, viewOf(records, topic, partition));
      out.text("\n\n");
      if (out.size >= HTTP_STREAM_PIECE) yield out.take();
    }
    positions.set(partition, nextOffset); // behind offsets that hold no record any more
    if (out.size > 0) yield out.take();
  } finally {
    out.clear(); // half an event, where the batch was found damaged
  }
}

type Arrival = IteratorResult<ConsumerBatch, void>;

/** What a generator gives, one at a time, for who does not want to wait for it without end. */
class Arrivals {
  readonly #batches: AsyncGenerator<ConsumerBatch, void, void>;
  #isAsked = false;
  #arrival: Arrival | null = null;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => {};

  constructor(batches: AsyncGenerator<ConsumerBatch, void, void>) {
    this.#batches = batches;
  }

  /** The next one; null when none came within `waitMs`. The one before it is given back. */
  async next(waitMs: number): Promise<Arrival | null> {
    if (!this.#isAsked) this.#ask();
    if (this.#arrival === null && this.#failure === null) {
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, waitMs);
        this.#wake = () => {
          clearTimeout(limit);
          resolve();
        };
      });
    }
    if (this.#failure !== null) throw this.#failure.error;
    const arrival = this.#arrival;
    if (arrival !== null) this.#isAsked = false;
    this.#arrival = null;
    return arrival;
  }

  #ask(): void {
    this.#isAsked = true;
    this.#batches.next().then((arrival) => {
      this.#arrival = arrival;
      this.#wake();
    }, (error: unknown) => {
      this.#failure = { error };
      this.#wake();
    });
  }
}
