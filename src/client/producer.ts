/**
 * Produces to any topic and partition: batches, retries, back-pressure, a promise for each record.
 *
 *     send -> (waits for metadata, for room) -> queue of its partition -> broker -> Delivery
 *
 * Invariant: records of a partition are stored in the order of the calls. All that are not
 * acknowledged hold at most `bufferBytes` and one record; whoever sends more waits, in order.
 */

import { clearTimeout, setTimeout } from "node:timers";
import type { Cluster } from "./cluster.ts";
import type { Compressor } from "./compression.ts";
import { ClosedError, DeliveryTimeoutError, type SluiceError } from "./errors.ts";
import type { Reject, Resolve } from "./pending_batch.ts";
import type { BatchReport, ProducerSettings } from "./producer_options.ts";
import { ProducerShared } from "./producer_shared.ts";
import type { Delivery, ProducerRecord } from "./record.ts";
import { RecordEncoder } from "./record_encoder.ts";
import { Router } from "./router.ts";
import { tell } from "./tell.ts";
import { type Waiting, WaitingRecords } from "./waiting_records.ts";

/** Made by `client.producer()`. */
export class Producer {
  readonly #settings: ProducerSettings;
  readonly #shared: ProducerShared;
  readonly #router: Router;
  readonly #encoder: RecordEncoder = new RecordEncoder();
  readonly #waiting: WaitingRecords = new WaitingRecords();
  /** The first failure of a record of `post` since the last flush. */
  #postFailure: unknown = null;
  #isServing = false;
  #closing: Promise<void> | null = null;
  readonly #closed: (producer: Producer) => void;

  /** `client.producer()` calls it. */
  constructor(
    cluster: Cluster,
    settings: ProducerSettings,
    compressor: Compressor | null,
    closed: (producer: Producer) => void = () => {},
  ) {
    this.#settings = settings;
    this.#closed = closed;
    const listener = {
      released: (): void => this.#serve(),
      reported: (report: BatchReport, posted: number): void => this.#reported(report, posted),
    };
    const sweep = (nowMs: number): void => this.#sweep(nowMs);
    this.#shared = new ProducerShared(cluster, settings, compressor, listener, sweep);
    this.#router = new Router(cluster, this.#shared);
  }

  /**
   * Sends a record; settles when it is acknowledged at the topic's durability level, or has failed
   * for good. Its bytes may be changed as soon as this returns, unless `bufferedBytes` is at its
   * limit: then the record waits for room as it is.
   *
   * @example Send one record and see where it went.
   * ```ts
   * import { Client } from "sluice/client";
   *
   * const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
   * await client.admin.createTopic("send-example");
   * const producer = await client.producer();
   * const { offset, level } = await producer.send({ topic: "send-example", value: "hello" });
   * console.log(`at offset ${offset}, ${level}`);
   * await client.close();
   * ```
   */
  send(record: ProducerRecord): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== null) return reject(new ClosedError("producer"));
      try {
        if (this.#waiting.isEmpty && this.#take(record, resolve, reject, null)) return;
        this.#wait({ record, resolve, reject, taken: null, deadlineMs: this.#deadlineMs() });
      } catch (error) {
        reject(error);
      }
    });
  }

  /**
   * The same without a promise of its own, for many records: `await producer.post(record)` waits
   * only while there is no room. A failure is told by the next `flush`, and by `onBatch`. Throws
   * what is wrong with the record itself.
   *
   * @example Send a hundred thousand records in bounded memory.
   * ```ts
   * import { Client } from "sluice/client";
   *
   * const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
   * await client.admin.createTopic("post-example", { partitions: 4 });
   * const producer = await client.producer({ compression: "lz4" });
   * for (let i = 0; i < 100_000; i += 1) {
   *   await producer.post({ topic: "post-example", key: `user-${i % 100}`, value: `event ${i}` });
   * }
   * await producer.flush();
   * await client.close();
   * ```
   */
  post(record: ProducerRecord): Promise<void> | undefined {
    if (this.#closing !== null) throw new ClosedError("producer");
    if (this.#waiting.isEmpty && this.#take(record, null, null, null)) return undefined;
    return new Promise((taken, reject) => {
      this.#wait({ record, resolve: null, reject, taken, deadlineMs: this.#deadlineMs() });
    });
  }

  /** Bytes of records that are not acknowledged yet. */
  get bufferedBytes(): number {
    return this.#shared.heldBytes;
  }

  /**
   * Sends what is there without waiting for more, and settles when all of it is acknowledged or
   * has failed. Throws the first failure of a record of `post` since the last flush.
   */
  async flush(): Promise<void> {
    await this.#waiting.whenTaken();
    for (const queue of this.#router.queues) queue.seal();
    const open = this.#router.queues.flatMap((queue) => queue.open);
    await Promise.all(open.map((batch) => batch.whenSettled()));
    const failure = this.#postFailure;
    this.#postFailure = null;
    if (failure !== null) throw failure;
  }

  /**
   * Flushes and ends. What is not acknowledged after `timeoutMs` fails. Throws as `flush` does.
   */
  close(timeoutMs: number = this.#settings.deliveryTimeoutMs): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#abort(), timeoutMs);
    try {
      await this.flush();
    } finally {
      clearTimeout(timer);
      this.#abort();
      this.#shared.close();
      this.#closed(this);
    }
  }

  /** What the client does when it is closed without waiting. */
  #abort(): void {
    const error = new ClosedError("producer");
    this.#waiting.refuseAll(error);
    for (const queue of this.#router.queues) queue.abort(error);
  }

  #deadlineMs(): number {
    return performance.now() + this.#settings.deliveryTimeoutMs;
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#serve();
  }

  /**
   * Takes a record into its batch. False: the topic is not known yet, or there is no room.
   * Throws what is wrong with the record.
   */
  #take(
    record: ProducerRecord,
    resolve: Resolve | null,
    reject: Reject | null,
    deadlineMs: number | null,
  ): boolean {
    const route = this.#router.route(record.topic);
    if (route === null) return false;
    if (this.#shared.isFull) {
      for (const queue of this.#router.queues) queue.seal();
      return false;
    }
    this.#encoder.take(record);
    const queue = this.#router.queueOf(route, record, this.#encoder);
    queue.append(this.#encoder, resolve, reject, deadlineMs);
    return true;
  }

  /** Takes those that wait, from the oldest on, as far as that goes now. */
  #serve(): void {
    if (this.#isServing) return; // sealing and failing a batch releases memory in the middle
    this.#isServing = true;
    for (let next = this.#waiting.first; next !== null; next = this.#waiting.first) {
      try {
        const { record, resolve, taken, deadlineMs } = next;
        if (!this.#take(record, resolve, taken === null ? next.reject : null, deadlineMs)) {
          this.#router.learn(record.topic, (failure) => this.#learned(next, failure));
          break;
        }
        this.#waiting.shift();
        taken?.();
      } catch (error) {
        this.#waiting.shift();
        next.reject(error);
      }
    }
    this.#isServing = false;
  }

  /** The topic of the record that waited longest is known, or there is none. */
  #learned(waiting: Waiting, failure: SluiceError | null): void {
    if (failure !== null && this.#waiting.first === waiting) {
      this.#waiting.shift();
      waiting.reject(failure);
    }
    this.#serve();
  }

  #reported(report: BatchReport, posted: number): void {
    if (report.error !== null && posted > 0) this.#postFailure ??= report.error;
    if (report.error !== null) this.#router.failed(report.topic, report.error);
    tell(this.#settings.onBatch, report);
  }

  #sweep(nowMs: number): void {
    for (const queue of this.#router.queues) queue.expire(nowMs);
    const { deliveryTimeoutMs } = this.#settings;
    for (const waiting of this.#waiting.expired(nowMs)) {
      const { topic, partition } = waiting.record;
      waiting.reject(new DeliveryTimeoutError(topic, partition ?? -1, deliveryTimeoutMs, null));
    }
    this.#router.refresh(nowMs);
    this.#serve();
  }
}
