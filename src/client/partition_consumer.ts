/**
 * Consumes one partition: asks for batches from an offset on, or has them pushed, and hands them
 * over piece by piece.
 *
 *     fetches     ask 1 | 1 received, ask 2 | the caller reads 1 | 2 received, ask 3 | …
 *     subscribe   1 pushed, 2 pushed, … within the credit | the caller reads 1, credit goes back …
 *
 * While the caller reads one fetch the next is on its way, never more: two blocks at most. Pushes
 * on their way are bounded by the credit.
 *
 * Invariant: offsets only grow from one record to the next; what was yielded is valid until the
 * next step of the iteration, when its block goes back.
 */

import { assert } from "../base/assert.ts";
import { isSafeU64, readU64, writeU64 } from "../base/bytes.ts";
import { KiB, MiB } from "../base/units.ts";
import { ErrorCodes } from "../format/errors.ts";
import { CREDIT_MAX, FETCH_SIZE_MAX, PUSH_SIZE_MAX } from "../limits.ts";
import { FetchAt, FetchReplyAt, FRAME_HEADER_SIZE } from "../native/frame.ts";
import { operation, type ReplyOf } from "../native/operations.ts";
import type { Connection, ReplyBody } from "./connection.ts";
import { BrokerError, ProtocolError } from "./errors.ts";
import { offsetBehind, RecordReader } from "./record_reader.ts";
import { Subscription } from "./subscription.ts";

const FETCH = operation("fetch");
const REQUEST_SIZE: number = FRAME_HEADER_SIZE + FetchAt.size;

/** With its headers a reply of this size still fits a block of 4 MiB. */
const MAX_BYTES: number = 4 * MiB - 4 * KiB;
const MAX_WAIT_MS = 5000;
const CREDIT_BYTES: number = 4 * MiB;

export interface ConsumeOptions {
  /** First offset; default: the first of the partition. */
  readonly from?: number | undefined;
  /** Ends before this offset. Default: the visible end seen when the partition was opened. */
  readonly to?: number | undefined;
  /** Goes on at the end and waits for new records; `to` is not used. */
  readonly follow?: boolean | undefined;
  /** Bytes of one fetch. */
  readonly maxBytes?: number | undefined;
  /** How long the broker holds a fetch that finds nothing. */
  readonly maxWaitMs?: number | undefined;
  readonly minBytes?: number | undefined;
  /** Ends the iteration without an error; a fetch that waits at the broker is not waited for. */
  readonly signal?: AbortSignal | undefined;
}

export interface SubscribeOptions {
  /** First offset; default: the first of the partition. */
  readonly from?: number | undefined;
  /** Bytes of batches that may be on their way or unread. Default 4 MiB. */
  readonly creditBytes?: number | undefined;
  /** Bytes of one push; never above 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** One fetch, or one push. Valid until the next step of the iteration. */
export interface Fetched {
  /** Stands before the first record. */
  readonly records: RecordReader;
  readonly logStart: number;
  readonly visibleEnd: number;
  /** Where the next one begins. */
  readonly nextOffset: number;
}

/** What one fetch gave. Valid until `release`. */
export interface FetchedOnce extends Fetched {
  /** The batches as they lie on the broker's disk; the first may begin before `from`. */
  readonly batches: Uint8Array;
  /** Has to be called, once. */
  release(): void;
}

export class PartitionConsumer {
  readonly connection: Connection;
  /** What open_partition said. */
  readonly partition: ReplyOf<"open_partition">;
  readonly #request: Uint8Array<ArrayBuffer> = new Uint8Array(REQUEST_SIZE);
  readonly #view: DataView = new DataView(this.#request.buffer);
  #busy = false;

  private constructor(connection: Connection, partition: ReplyOf<"open_partition">) {
    this.connection = connection;
    this.partition = partition;
  }

  static async open(
    connection: Connection,
    topic: string,
    partition: number,
  ): Promise<PartitionConsumer> {
    const opened = await connection.request(operation("open_partition"), { topic, partition });
    return new PartitionConsumer(connection, opened);
  }

  /**
   * Iterates pushes without end: what is there, then what comes, each as soon as it is visible.
   * Credit goes back when the caller asks for the next one, so that a slow caller is waited for by
   * the broker. Throws why it ended: the topic was deleted, retention was faster, the broker stops,
   * the connection is gone.
   */
  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<Fetched, void, void> {
    const { handle, logStart } = this.partition;
    let offset = options.from ?? logStart;
    const creditBytes = Math.min(options.creditBytes ?? CREDIT_BYTES, CREDIT_MAX);
    const maxBytes = Math.min(options.maxBytes ?? PUSH_SIZE_MAX, PUSH_SIZE_MAX);
    const shape = { handle, offset, creditBytes, maxBytes };
    const subscription = await Subscription.begin(this.connection, shape);
    try {
      for (;;) {
        const body = await subscription.next(options.signal);
        if (body === null) return;
        const fetched = this.#open(body, offset, Infinity);
        if (fetched.nextOffset > offset) yield fetched;
        offset = fetched.nextOffset;
        subscription.giveBack(body);
      }
    } finally {
      subscription.leave();
    }
  }

  /**
   * One fetch from `from` on, for who decides after each of them. Of the options it looks at
   * `maxBytes`, `minBytes` and `maxWaitMs`. One at a time, and none beside an iteration.
   */
  async fetch(from: number, options: ConsumeOptions = {}): Promise<FetchedOnce> {
    assert(!this.#busy, "one fetch at a time");
    this.#busy = true;
    try {
      const body = await this.#fetch(from, options);
      const { block, start, end } = body;
      const release = (): void => this.connection.giveBack(block);
      try {
        const batches = block.bytes.subarray(start + FetchReplyAt.batches, end);
        return { ...this.#open(body, from, Infinity), batches, release };
      } catch (error) {
        release();
        throw error;
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Iterates fetches. One iteration at a time: fetches of a handle are answered one by one. */
  async *fetches(options: ConsumeOptions = {}): AsyncGenerator<Fetched, void, void> {
    assert(!this.#busy, "one iteration at a time");
    this.#busy = true;
    const range = rangeOf(this.partition, options);
    let ahead: Promise<ReplyBody> | null = null;
    try {
      for (let offset = range.from; offset < range.to;) {
        if (options.signal?.aborted) return;
        const body = await untilAborted(ahead ?? this.#fetch(offset, options), options.signal);
        ahead = null;
        if (body === null) return;
        const fetched = this.#open(body, offset, range.to);
        if (!options.follow && fetched.nextOffset === offset) throw stuck(offset, fetched);
        if (fetched.nextOffset > offset) {
          if (fetched.nextOffset < range.to) ahead = this.#fetch(fetched.nextOffset, options);
          ahead?.catch(() => {}); // seen when it is awaited, or never when the caller leaves
          yield fetched;
        }
        offset = fetched.nextOffset;
        this.connection.giveBack(body.block);
      }
    } finally {
      this.#busy = false;
      ahead?.then((body) => this.connection.giveBack(body.block), () => {});
    }
  }

  #fetch(offset: number, options: ConsumeOptions): Promise<ReplyBody> {
    const view = this.#view;
    const at = FRAME_HEADER_SIZE;
    const maxBytes = Math.min(options.maxBytes ?? MAX_BYTES, FETCH_SIZE_MAX);
    view.setUint32(at + FetchAt.handle, this.partition.handle);
    view.setUint32(at + FetchAt.maxBytes, maxBytes);
    view.setUint32(at + FetchAt.minBytes, options.minBytes ?? 1);
    view.setUint32(at + FetchAt.maxWaitMs, options.maxWaitMs ?? MAX_WAIT_MS);
    writeU64(view, at + FetchAt.offset, offset);
    // The bytes are used again for the next request, which is sent only after this one's reply.
    return this.connection.exchange(FETCH, this.#request, view, 0, REQUEST_SIZE);
  }

  #open(body: ReplyBody, offset: number, to: number): Fetched {
    const { block, start, end } = body;
    const batches = start + FetchReplyAt.batches;
    const sound = batches <= end && isSafeU64(block.view, start + FetchReplyAt.logStart) &&
      isSafeU64(block.view, start + FetchReplyAt.visibleEnd);
    if (!sound) throw new ProtocolError("the reply of fetch is malformed");
    const records = new RecordReader(block);
    records.open(block, batches, end, offset, to);
    return {
      records,
      logStart: readU64(block.view, start + FetchReplyAt.logStart),
      visibleEnd: readU64(block.view, start + FetchReplyAt.visibleEnd),
      nextOffset: Math.max(offset, offsetBehind(block, batches, end, offset)),
    };
  }
}

/** The offsets to read. Throws offset_out_of_range for a range that lies behind the visible end. */
function rangeOf(
  partition: ReplyOf<"open_partition">,
  options: ConsumeOptions,
): { from: number; to: number } {
  const from = options.from ?? partition.logStart;
  if (options.follow) return { from, to: Infinity };
  const to = options.to ?? partition.visibleEnd;
  if (from <= to) return { from, to };
  throw new BrokerError(
    ErrorCodes.offset_out_of_range,
    `offset ${from} is behind the end: the partition holds ${partition.logStart} to ` +
      `${partition.visibleEnd - 1}, the next offset is ${partition.visibleEnd}`,
  );
}

/** The reply, or null when the signal came first. */
function untilAborted<T>(reply: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return reply;
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(null);
    signal.addEventListener("abort", abort, { once: true });
    reply.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function stuck(offset: number, fetched: Fetched): ProtocolError {
  return new ProtocolError(
    `the broker sent no batch for offset ${offset}, though it shows records up to ` +
      `${fetched.visibleEnd - 1}`,
  );
}
