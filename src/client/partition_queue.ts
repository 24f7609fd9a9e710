/**
 * The batches of one partition on their way to the broker.
 *
 *     records -> building -> | sealed … | in flight, oldest first | -> delivered
 *                              \______________ sent again _______/
 *
 * A batch is sealed when it is full, when nothing of the partition is on its way at the end of the
 * turn, or after `lingerMs`. Up to five are in flight; the broker executes them in order. When one
 * is refused or the connection is lost, the answers of all in flight are awaited and everything
 * goes again from the oldest on, with the numbers it had: what the broker has, it recognises.
 *
 *     refused                         what follows
 *     may pass, or connection lost    again, after a back-off
 *     out_of_order_sequence           a batch before it failed for good: the producer's epoch is
 *                                     raised, and all get new numbers. Otherwise the broker has
 *                                     lost what it acknowledged: this batch fails
 *     anything else                   this batch fails, the others go on with the next answer
 *
 * Invariant: batches are delivered in the order in which they were sealed. A batch keeps its
 * number for as long as a copy of it may be stored.
 */

import { clearTimeout, setTimeout } from "node:timers";
import { readU64 } from "../base/bytes.ts";
import { ErrorCodes } from "../format/errors.ts";
import { Acks } from "../format/levels.ts";
import { FRAME_HEADER_SIZE, ProduceAt, ProduceReplyAt } from "../native/frame.ts";
import { operation } from "../native/operations.ts";
import { Backoff, sleep } from "./backoff.ts";
import { BATCH_HEADER_SIZE } from "../format/batch.ts";
import { batchSizeOfRecord, type RecordParts, valueSizeMax } from "./batch_builder.ts";
import type { OpenedPartition } from "./cluster.ts";
import type { ReplyBody } from "./connection.ts";
import {
  ConnectionError,
  DeliveryTimeoutError,
  isCode,
  isStaleHandle,
  ProtocolError,
  RecordTooLargeError,
  type SluiceError,
  toSluiceError,
} from "./errors.ts";
import { PendingBatch, type Reject, type Resolve } from "./pending_batch.ts";
import type { ProducerShared } from "./producer_shared.ts";
import { SequenceNumbers } from "./sequence_numbers.ts";

const PRODUCE = operation("produce");
const RETRY_MS = 50;
const RETRY_MAX_MS = 1000;
/** A broker forgets producers that are idle; never as soon as this. */
const KNOWN_MS = 60000;

export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Of the topic. */
  maxMessageBytes: number;
  readonly #shared: ProducerShared;
  readonly #backoff: Backoff = new Backoff(RETRY_MS, RETRY_MAX_MS);
  #building: PendingBatch | null = null;
  /** Sealed and not delivered, oldest first. The first `#sent` are on their way or refused. */
  readonly #batches: PendingBatch[] = [];
  #sent = 0;
  /** Answers to come. */
  #outstanding = 0;
  /** One was refused: nothing is sent until all in flight are answered. */
  #mustRecover = false;
  #isWaiting = false;
  #isAborted = false;
  #opened: OpenedPartition | null = null;
  readonly #numbers: SequenceNumbers = new SequenceNumbers();
  /** When the broker took the last batch on this connection, by `performance.now()`. */
  #deliveredMs = -Infinity;
  #linger: ReturnType<typeof setTimeout> | null = null;
  #failure: SluiceError | null = null;

  constructor(
    shared: ProducerShared,
    topic: string,
    partition: number,
    maxMessageBytes: number,
  ) {
    this.#shared = shared;
    this.topic = topic;
    this.partition = partition;
    this.maxMessageBytes = maxMessageBytes;
  }

  /** The batch being built, and all that are not settled. */
  get open(): PendingBatch[] {
    return this.#building === null ? [...this.#batches] : [...this.#batches, this.#building];
  }

  /** Whether the record would join others in a batch. */
  hasRoomFor(record: RecordParts): boolean {
    return this.#building !== null && this.#building.builder.fitsRecord(record);
  }

  /**
   * Takes a record, which is given up at `deadlineMs`; null: from now on it has the whole time.
   * Throws RecordTooLargeError.
   */
  append(
    record: RecordParts,
    resolve: Resolve | null,
    reject: Reject | null,
    deadlineMs: number | null = null,
  ): void {
    const current = this.#building;
    if (current !== null && this.#appendTo(current, record, resolve, reject)) return;
    const limit = Math.min(this.#shared.settings.batchBytes, this.maxMessageBytes);
    const needed = batchSizeOfRecord(record);
    if (needed > this.maxMessageBytes) throw this.#tooLarge(record, needed);
    this.seal();
    const batch = this.#begin(Math.max(limit, needed), deadlineMs);
    this.#appendTo(batch, record, resolve, reject);
  }

  /** Sends the batch being built, if there is one. */
  seal(): void {
    const batch = this.#endBuilding();
    if (batch === null) return;
    try {
      batch.close(this.#shared.compressor);
    } catch (error) {
      this.#fail(batch, toSluiceError(error)); // a compressor that was given to the client failed
    }
    this.#pump();
  }

  /** Gives up what is too old. */
  expire(nowMs: number): void {
    const { deliveryTimeoutMs } = this.#shared.settings;
    for (const batch of this.open) {
      if (batch.deadlineMs > nowMs) return;
      if (batch.isSettled) continue; // it waits for its answer, nobody for it
      const cause = batch.error ?? this.#failure;
      this.#fail(
        batch,
        new DeliveryTimeoutError(this.topic, this.partition, deliveryTimeoutMs, cause),
      );
    }
  }

  /** Fails everything that is not delivered. */
  abort(error: SluiceError): void {
    this.#isAborted = true;
    for (const batch of this.open) this.#fail(batch, error);
  }

  #begin(sizeMax: number, deadlineMs: number | null): PendingBatch {
    const { settings } = this.#shared;
    const endMs = deadlineMs ?? performance.now() + settings.deliveryTimeoutMs;
    const batch = new PendingBatch(this.#shared.borrow(sizeMax), endMs);
    batch.heldBytes = BATCH_HEADER_SIZE;
    this.#shared.heldBytes += BATCH_HEADER_SIZE;
    this.#building = batch;
    if (this.#batches.length === 0 || settings.lingerMs === 0) this.#shared.sealAtEndOfTurn(this);
    else this.#linger = setTimeout(() => this.seal(), settings.lingerMs);
    return batch;
  }

  /** It is among the others from now on, and not whole yet. */
  #endBuilding(): PendingBatch | null {
    const batch = this.#building;
    if (batch === null) return null;
    this.#building = null;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    this.#batches.push(batch);
    return batch;
  }

  #appendTo(
    batch: PendingBatch,
    record: RecordParts,
    resolve: Resolve | null,
    reject: Reject | null,
  ): boolean {
    const { builder } = batch;
    const before = builder.end;
    if (!builder.appendRecord(record)) return false;
    batch.appended(resolve, reject);
    batch.heldBytes += builder.end - before;
    this.#shared.heldBytes += builder.end - before;
    return true;
  }

  /** Sends what may be sent now. */
  #pump(): void {
    if (this.#isWaiting || this.#mustRecover || this.#isAborted) return;
    if (this.#sent === this.#batches.length) return;
    const opened = this.#opened;
    if (opened === null) {
      this.#isWaiting = true;
      this.#connect().catch((error) => this.#cannotConnect(error))
        .finally(() => this.#goOn());
      return;
    }
    const inFlightMax = this.#isKnown() ? this.#shared.settings.inFlightMax : 1;
    while (this.#sent < this.#batches.length && this.#outstanding < inFlightMax) {
      if (opened.connection.isCongested) {
        this.#isWaiting = true;
        opened.connection.drained().catch(() => {}).finally(() => this.#goOn());
        return;
      }
      this.#submit(opened, this.#batches[this.#sent]!);
    }
  }

  /**
   * Whether the broker knows the producer in this partition. Of one that it does not know it takes
   * any number, so that a batch behind one that was refused would be stored before it: then there
   * is one in flight.
   */
  #isKnown(): boolean {
    if (this.#numbers.identity === null) return true; // without numbers there is nothing to know
    return this.#opened !== null && performance.now() - this.#deliveredMs < KNOWN_MS;
  }

  #goOn(): void {
    this.#isWaiting = false;
    if (this.#mustRecover && this.#outstanding === 0) this.#recover();
    this.#pump();
  }

  async #connect(): Promise<void> {
    if (this.#shared.settings.idempotence && this.#numbers.identity === null) {
      this.#numbers.begin(await this.#shared.identity());
    }
    this.#opened = await this.#shared.cluster.open(this.topic, this.partition);
    this.#deliveredMs = -Infinity;
    this.#failure = null;
  }

  /** There is no connection, or the broker has no such partition. */
  async #cannotConnect(error: unknown): Promise<void> {
    const failure = toSluiceError(error);
    this.#failure = failure;
    if (failure instanceof ConnectionError) return; // the next attempt waits for its back-off
    if (failure.retriable) return await sleep(this.#backoff.nextMs());
    for (const batch of [...this.#batches]) this.#fail(batch, failure);
  }

  #submit(opened: OpenedPartition, batch: PendingBatch): void {
    const { builder } = batch;
    this.#numbers.stamp(batch);
    const view = builder.block.view;
    const acks = this.#shared.settings.acks === "all" ? Acks.all : Acks.leader;
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.handle, opened.handle);
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.acks, 0); // acks and the reserved bytes behind it
    view.setUint8(FRAME_HEADER_SIZE + ProduceAt.acks, acks);
    this.#sent += 1;
    this.#outstanding += 1;
    opened.connection.exchange(PRODUCE, builder.block.bytes, view, 0, builder.end).then(
      (body) => this.#answered(opened, batch, body),
      (error) => this.#refused(batch, toSluiceError(error)),
    );
  }

  #answered(opened: OpenedPartition, batch: PendingBatch, body: ReplyBody): void {
    const { block, start, end } = body;
    const isWhole = end - start === ProduceReplyAt.size;
    const baseOffset = isWhole ? readU64(block.view, start + ProduceReplyAt.baseOffset) : -1;
    const level = isWhole ? block.view.getUint8(start + ProduceReplyAt.level) : 0;
    opened.connection.giveBack(block);
    if (isWhole) return this.#delivered(batch, baseOffset, level);
    this.#refused(batch, new ProtocolError("the reply of produce is malformed"));
  }

  #delivered(batch: PendingBatch, baseOffset: number, level: number): void {
    this.#outstanding -= 1;
    this.#numbers.stored(batch);
    this.#deliveredMs = performance.now();
    this.#backoff.reset();
    this.#remove(batch);
    if (!batch.isSettled) {
      batch.deliver(this.topic, this.partition, baseOffset, level);
      this.#report(batch, baseOffset, level, null);
    }
    this.#free(batch);
    this.#afterAnswer();
  }

  #refused(batch: PendingBatch, error: SluiceError): void {
    if (isCode(error, ErrorCodes.duplicate_sequence)) {
      return this.#delivered(batch, -1, 0); // stored, and so long ago that it is not known where
    }
    this.#outstanding -= 1;
    this.#mustRecover = true;
    batch.error = error;
    this.#afterAnswer();
  }

  #afterAnswer(): void {
    if (this.#mustRecover && this.#outstanding === 0 && !this.#isWaiting) this.#recover();
    // Nothing is on its way: what has gathered need not wait any longer.
    if (this.#batches.length === 0) this.seal();
    this.#pump();
  }

  /** All in flight are answered and one was refused: decides from the oldest on what follows. */
  #recover(): void {
    this.#sent = 0;
    for (const batch of this.#batches.filter(({ isSettled }) => isSettled)) this.#drop(batch);
    const error = this.#batches[0]?.error ?? null;
    for (const batch of this.#batches) batch.error = null;
    if (error !== null) this.#decide(error);
    // Not before: what is dropped makes room for records, which would be sent in between.
    this.#mustRecover = false;
  }

  #decide(error: SluiceError): void {
    this.#failure = error;
    if (error instanceof ConnectionError || isStaleHandle(error)) this.#leave(error);
    else if (isCode(error, ErrorCodes.out_of_order_sequence)) this.#recoverOrder(error);
    else if (isCode(error, ErrorCodes.invalid_producer_epoch)) this.#beginAgain(error);
    else if (!error.retriable) this.#fail(this.#batches[0]!, error);
    else {
      if (isCode(error, ErrorCodes.shutting_down)) this.#opened = null;
      this.#isWaiting = true;
      void sleep(this.#backoff.nextMs()).then(() => this.#goOn());
    }
  }

  /** The handle is of no use any more. Where the topic is gone, `#connect` finds that out. */
  #leave(error: SluiceError): void {
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null || error instanceof ConnectionError) return;
    this.#shared.cluster.forgetHandle(opened.connection, this.topic, this.partition);
  }

  #recoverOrder(error: SluiceError): void {
    const { hasGap, identity } = this.#numbers;
    if (!hasGap || identity === null) this.#fail(this.#batches[0]!, error);
    else if (!this.#numbers.raiseEpoch()) this.#forgetIdentity();
  }

  /** Somebody else has the producer's id and a higher epoch: that cannot be helped by retrying. */
  #beginAgain(error: SluiceError): void {
    this.#fail(this.#batches[0]!, error);
    this.#forgetIdentity();
  }

  /** `#connect` gets another one. */
  #forgetIdentity(): void {
    this.#shared.renewIdentity();
    this.#numbers.begin(null);
    this.#opened = null;
  }

  /** Tells all who wait for the batch; it goes as soon as no copy of it is on its way. */
  #fail(batch: PendingBatch, error: SluiceError): void {
    if (batch.isSettled) return;
    if (batch === this.#building) this.#endBuilding(); // and never sent
    batch.fail(error);
    this.#report(batch, -1, 0, error);
    const isOnItsWay = this.#batches.indexOf(batch) < this.#sent;
    if (!isOnItsWay) this.#drop(batch);
  }

  #drop(batch: PendingBatch): void {
    this.#numbers.lost(batch);
    this.#remove(batch);
    this.#free(batch);
  }

  #remove(batch: PendingBatch): void {
    const at = this.#batches.indexOf(batch);
    this.#batches.splice(at, 1);
    if (at < this.#sent) this.#sent -= 1;
  }

  #free(batch: PendingBatch): void {
    this.#shared.giveBack(batch.builder);
    this.#shared.release(batch.heldBytes);
  }

  #report(
    batch: PendingBatch,
    baseOffset: number,
    level: number,
    error: SluiceError | null,
  ): void {
    const report = batch.report(this.topic, this.partition, baseOffset, level, error);
    this.#shared.listener.reported(report, batch.posted);
  }

  #tooLarge(record: RecordParts, needed: number): RecordTooLargeError {
    const limit = Math.max(0, valueSizeMax(this.maxMessageBytes));
    const size = record.valueEnd - record.valueStart;
    return new RecordTooLargeError(size, limit, this.maxMessageBytes, needed);
  }
}
