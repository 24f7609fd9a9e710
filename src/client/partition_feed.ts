/**
 * One partition of a consumer: a subscription that is begun again whenever it ends, and where in
 * the partition the consumer is.
 *
 *     opening -> subscribed -> ended (connection lost, broker stopped) -> back-off -> opening …
 *                    |
 *     pushes: [ being read: given | not yet ] [ push ] [ push ]
 *                  ^ finished  ^ position
 *
 * After an end what was pushed before is read first; then the feed subscribes behind it. So no
 * record is left out and none is given twice. Where the topic is another one of the same name by
 * then, a position means nothing any more: it is as if it lay outside of the log.
 *
 * Invariant: finished <= position. Between seeks both only grow, and every record from the first
 * position on was given before the position passed it.
 */

import { isSafeU64, readU64 } from "../base/bytes.ts";
import { ErrorCodes } from "../format/errors.ts";
import { PUSH_SIZE_MAX } from "../limits.ts";
import { PushAt } from "../native/frame.ts";
import { Backoff, sleep } from "./backoff.ts";
import type { Cluster, OpenedPartition } from "./cluster.ts";
import type { ReplyBody } from "./connection.ts";
import type { FeedShape, StartPoint } from "./consumer_options.ts";
import {
  BrokerError,
  CorruptBatchError,
  isCode,
  isStaleHandle,
  ProtocolError,
  type SluiceError,
  toSluiceError,
} from "./errors.ts";
import { ConsumerRecord } from "./record.ts";
import { offsetBehind, RecordReader } from "./record_reader.ts";
import { Subscription } from "./subscription.ts";
import { tell } from "./tell.ts";

const RETRY_MS = 50;
const RETRY_MAX_MS = 1000;
/** A damaged batch may have been damaged on the way: it is asked for again so many times. */
const DAMAGED_MAX = 3;
const NOTHING = new ArrayBuffer(0);

export class PartitionFeed {
  readonly topic: string;
  readonly partition: number;
  isPaused = false;
  /** The caller reads the push itself: the block is its own until it comes back for the next. */
  isLent = false;
  /** Why there is nothing more to come. */
  failure: SluiceError | null = null;
  /** The offset of the next record to give; -1 until the start is known. */
  position = -1;
  /** Behind the last record that the caller has finished; -1 before the first. */
  finished = -1;
  /** Epoch of the last record given; -1 before the first. */
  leaderEpoch = -1;
  /** Grows with every seek: what was given before is of another walk. */
  generation = 0;
  /** What the broker last said. */
  visibleEnd = -1;
  readonly records: RecordReader = new RecordReader(emptyBlock());
  readonly #cluster: Cluster;
  readonly #shape: FeedShape;
  readonly #changed: (feed: PartitionFeed) => void;
  readonly #closing: AbortController = new AbortController();
  #start: StartPoint;
  /** Of the topic that the positions are of; empty before it is known. */
  #topicId = "";
  #subscription: Subscription | null = null;
  /** Ends the wait for the end of the subscription. */
  #over: ((error: SluiceError | null) => void) | null = null;
  #body: ReplyBody | null = null;
  /** Behind the push that is being read. */
  #bodyEnd = -1;
  #damaged = 0;
  #isRunning = false;

  constructor(
    cluster: Cluster,
    topic: string,
    partition: number,
    start: StartPoint,
    shape: FeedShape,
    changed: (feed: PartitionFeed) => void,
  ) {
    this.#cluster = cluster;
    this.topic = topic;
    this.partition = partition;
    this.#start = start;
    this.#shape = shape;
    this.#changed = changed;
    if (typeof start === "number") this.position = this.finished = start;
    void this.#run();
  }

  /** Behind the push that is being read: where the next one begins. */
  get bodyEnd(): number {
    return this.#bodyEnd;
  }

  /** Makes the next push the one that is read; false when there is none now. */
  open(): boolean {
    if (this.isPaused || this.failure !== null) return false;
    if (this.#body !== null) return true;
    const subscription = this.#subscription;
    if (subscription === null) return false;
    const body = subscription.take();
    if (body !== null) return this.#openBody(subscription, body);
    if (subscription.failure !== null) this.#over?.(subscription.failure);
    return false;
  }

  /** Moves to the next record of the push; false behind its last one, which frees it. */
  next(): boolean {
    if (this.isPaused || this.#body === null) return false;
    try {
      if (this.records.next()) {
        this.position = this.records.offset + 1;
        this.leaderEpoch = this.records.leaderEpoch;
        return true;
      }
    } catch (error) {
      this.#spoiled(toSluiceError(error));
      return false;
    }
    this.closeBody();
    return false;
  }

  /** The push was read to its end, and all of it is finished. */
  closeBody(): void {
    if (this.#body === null) return;
    this.#damaged = 0;
    this.position = Math.max(this.position, this.#bodyEnd);
    this.finished = Math.max(this.finished, this.#bodyEnd);
    this.#dropBody();
  }

  /** The record that `next` moved to. */
  record(): ConsumerRecord {
    const { records } = this;
    const { bytes } = records.block;
    return new ConsumerRecord(
      this.topic,
      this.partition,
      records.offset,
      records.timestampMs,
      records.keyIsNull ? null : bytes.slice(records.keyStart, records.keyEnd),
      records.valueIsNull ? null : bytes.slice(records.valueStart, records.valueEnd),
      records.headers(),
    );
  }

  /** Goes on at an offset, or at an end of the partition. */
  seek(target: StartPoint): void {
    this.generation += 1;
    this.#dropBody();
    this.#start = target;
    this.position = this.finished = typeof target === "number" ? target : -1;
    this.leaderEpoch = -1;
    this.failure = null;
    this.#over?.(null);
    if (!this.#isRunning && !this.#closing.signal.aborted) void this.#run();
  }

  close(): void {
    this.#closing.abort();
    this.#dropBody();
    this.#over?.(null);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(RETRY_MS, RETRY_MAX_MS);
    this.#isRunning = true;
    while (!signal.aborted && this.failure === null) {
      let opened: OpenedPartition | null = null;
      try {
        opened = await this.#cluster.open(this.topic, this.partition);
        await this.#checkTopic(opened);
        if (signal.aborted || this.failure !== null) break;
        const error = await this.#follow(opened, () => backoff.reset());
        if (error === null) continue;
        this.#recover(error, opened);
      } catch (error) {
        this.#recover(toSluiceError(error), opened);
      }
      if (this.failure === null && !signal.aborted) await sleep(backoff.nextMs(), signal);
    }
    this.#isRunning = false;
  }

  /**
   * What is asked for behind the handle is at least as new: a handle of an older topic is stale.
   * Feeds that open together share two questions at the most: the one that is going on is of no
   * use to a handle that came after it was asked.
   */
  async #checkTopic({ openedMs }: OpenedPartition): Promise<void> {
    const { topic } = this;
    let info = this.#cluster.known(topic);
    while (info === null || info.askedMs < openedMs) info = await this.#cluster.learn(topic);
    const { topicId } = info;
    const isReplaced = this.#topicId !== "" && topicId !== this.#topicId;
    this.#topicId = topicId;
    if (!isReplaced || this.#reset()) return;
    this.#fail(new BrokerError(ErrorCodes.topic_not_found, `${topic}: it was made anew since`));
  }

  /** Goes on at an end of the partition, if that is wanted. */
  #reset(): boolean {
    const { topic, partition, position } = this;
    const { outOfRange: to, onReset } = this.#shape;
    if (to === "error") return false;
    tell(onReset, { topic, partition, position, to });
    this.#start = to;
    this.position = this.finished = -1;
    return true;
  }

  #fail(error: SluiceError): void {
    if (this.#closing.signal.aborted) return;
    this.failure = error;
    this.#changed(this);
  }

  /** One subscription from its begin to its end. Settles with why it ended, null after a seek. */
  async #follow(opened: OpenedPartition, begun: () => void): Promise<SluiceError | null> {
    const { generation } = this;
    const over = new Promise<SluiceError | null>((resolve) => (this.#over = resolve));
    if (this.position < 0) await this.#findStart(generation);
    if (generation !== this.generation) return null;
    const { handle, connection } = opened;
    const { creditBytes, intervalMs } = this.#shape;
    const size = { creditBytes, maxBytes: PUSH_SIZE_MAX };
    const shape = { handle, offset: this.position, ...size, intervalMs };
    const subscription = await Subscription.begin(connection, shape, () => this.#changed(this));
    this.#subscription = subscription;
    try {
      if (generation !== this.generation || this.#closing.signal.aborted) return null;
      this.#changed(this);
      begun();
      return await over;
    } finally {
      this.#dropBody();
      this.#subscription = null;
      this.#over = null;
      subscription.leave();
    }
  }

  async #findStart(generation: number): Promise<void> {
    const { topic, partition } = this;
    const start = this.#start;
    let offset: number;
    if (typeof start === "object") {
      const values = { timestamp: start.timeMs };
      const row = "offset_for_time";
      offset = (await this.#cluster.requestOf(row, topic, partition, values, true)).offset;
    } else if (typeof start === "string") {
      const ends = await this.#cluster.requestOf("offsets", topic, partition, {}, true);
      offset = start === "earliest" ? ends.logStart : ends.visibleEnd;
    } else offset = start;
    if (generation === this.generation) this.position = this.finished = offset;
  }

  #recover(error: SluiceError, opened: OpenedPartition | null): void {
    if (isCode(error, ErrorCodes.offset_out_of_range) && this.#reset()) return;
    if (isStaleHandle(error) && opened !== null) {
      this.#cluster.forgetHandle(opened.connection, this.topic, this.partition);
      return; // where the topic is gone, the next attempt finds that out
    }
    // A broker whose disk fails ends, and comes back.
    const isHopeless = !error.retriable && !isCode(error, ErrorCodes.storage_failed);
    if (!isHopeless && this.#damaged < DAMAGED_MAX) return;
    this.#fail(error);
  }

  #openBody(subscription: Subscription, body: ReplyBody): boolean {
    const { block, start, end } = body;
    const batches = start + PushAt.batches;
    try {
      const isSound = batches <= end && isSafeU64(block.view, start + PushAt.visibleEnd);
      if (!isSound) throw new ProtocolError("a push is malformed");
      this.visibleEnd = readU64(block.view, start + PushAt.visibleEnd);
      this.#bodyEnd = offsetBehind(block, batches, end, this.position);
      this.records.open(block, batches, end, this.position, Infinity);
      this.#body = body;
      return true;
    } catch (error) {
      subscription.giveBack(body);
      this.#spoiled(toSluiceError(error));
      return false;
    }
  }

  /** What was pushed cannot be read: it is asked for again. */
  #spoiled(error: SluiceError): void {
    this.#damaged += error instanceof CorruptBatchError ? 1 : 0;
    this.#dropBody();
    this.#over?.(error);
  }

  #dropBody(): void {
    const body = this.#body;
    this.#body = null;
    // A lent one is left to the garbage collector; its credit ends with the subscription.
    if (body !== null && !this.isLent) this.#subscription?.giveBack(body);
  }
}

function emptyBlock(): ConstructorParameters<typeof RecordReader>[0] {
  const bytes = new Uint8Array(NOTHING);
  const words = new Int32Array(NOTHING);
  return { size: 0, offset: 0, bytes, words, view: new DataView(NOTHING) };
}
