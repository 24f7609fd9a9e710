/**
 * Broker of one shard: its topics, who waits, and the lists of partitions that this turn has to
 * write, to sync or to look at. Doors call `produce` and `fetch`; the turn calls the rest.
 *
 *     produce -> staged -> [flush] -> written waiters -> [sync] -> durable waiters -> answer
 *     fetch   -> visible enough? answer : parked -> visible moves or deadline -> answer
 *     subscribe -> push, push, … as the visible end moves, credit comes and there is room
 *
 * It knows no socket and no wire: an answer is a call of the `Door` with slot, generation,
 * correlation and handle as they were given.
 */

import { Deadlines } from "../base/deadlines.ts";
import type { FileSlice } from "../base/file_slice.ts";
import type { ErrorCode } from "../format/errors.ts";
import { type BrokerSettings, brokerSettings } from "../format/broker_settings.ts";
import type { PartitionReader } from "../log/read.ts";
import type { Residency } from "../log/residency.ts";
import type { TimedOffset } from "../log/time_lookup.ts";
import type { AppendWaiters } from "./append_waiters.ts";
import type { ColdReads } from "./cold_reads.ts";
import { ColdTimes } from "./cold_times.ts";
import { type FetchWaiter, FetchWaiters } from "./fetch_waiters.ts";
import { GroupOffsets } from "./group_offsets.ts";
import type { LogStartWaiter } from "./log_starts.ts";
import type { TimeWaiter } from "./offset_for_time.ts";
import { ProducerIds } from "./producer_ids.ts";
import type { Subscriber, Subscription } from "./subscriptions.ts";
import { type TopicPartition, Topics } from "./topics.ts";

/** Where answers go. All calls may find that the connection is gone, and then drop the answer. */
export interface Door {
  /** `waiters` holds the fields of the entry that is answered; `level` is what was reached. */
  appendDone(partition: TopicPartition, waiters: AppendWaiters, level: number): void;
  /** `error` 0: `slice` holds the batches, or is empty. */
  fetchDone(
    partition: TopicPartition,
    slot: number,
    generation: number,
    correlation: number,
    handle: number,
    error: number,
    slice: FileSlice,
  ): void;
  /** Whether the connection takes another push: few of its bytes are unsent. */
  hasRoom(slot: number, generation: number): boolean;
  /** `error` 0: `slice` holds batches; any other: the subscription has ended. */
  push(subscription: Subscription, error: number, slice: FileSlice): void;
  /** `error` 0: the log start has reached what was asked for. */
  logStartDone(partition: TopicPartition, waiter: LogStartWaiter, error: number): void;
  offsetForTimeDone(waiter: TimeWaiter, found: TimedOffset | ErrorCode): void;
  /**
   * `error` 0: the offsets of the request that was parked under the token are durable, those
   * excepted whose result is an error.
   */
  offsetsDone(token: number, error: ErrorCode, results: readonly ErrorCode[]): void;
}

export interface BrokerCounters {
  appends: number;
  appendedBytes: number;
  appendedRecords: number;
  refusedAppends: number;
  /** Of them: because the disk is full or read-only, before anything was written. */
  diskRefusedAppends: number;
  /** Batches that an idempotent producer sent again: answered, not written. */
  duplicateAppends: number;
  fetches: number;
  fetchedBytes: number;
  fetchedRecords: number;
  /** Fetches that had to wait. */
  parkedFetches: number;
  /** Pushes with batches in them, and the bytes of those. */
  pushes: number;
  pushedBytes: number;
  pushedRecords: number;
}

export class Broker {
  readonly topics: Topics = new Topics();
  readonly waiters: FetchWaiters = new FetchWaiters();
  readonly offsets: GroupOffsets = new GroupOffsets(this);
  readonly producerIds: ProducerIds = new ProducerIds();
  readonly reader: PartitionReader;
  /** Keeps cold bytes from being sent before they are read; null: sending may wait for the disk. */
  readonly coldReads: ColdReads | null;
  readonly counters: BrokerCounters = {
    appends: 0,
    appendedBytes: 0,
    appendedRecords: 0,
    refusedAppends: 0,
    diskRefusedAppends: 0,
    duplicateAppends: 0,
    fetches: 0,
    fetchedBytes: 0,
    fetchedRecords: 0,
    parkedFetches: 0,
    pushes: 0,
    pushedBytes: 0,
    pushedRecords: 0,
  };
  /** Monotonic time of this turn. */
  nowMs = 0;
  /** Partitions with batches staged in this turn. */
  readonly appended: TopicPartition[] = [];
  /** Partitions with bytes that no finished sync covers. */
  readonly unsynced: TopicPartition[] = [];
  /** Partitions whose visible end may have moved in this turn. */
  readonly moved: TopicPartition[] = [];
  /** Connections with runnable subscriptions that may have room. */
  readonly pushable: Subscriber[] = [];
  /** Paced subscriptions that were at the visible end a moment ago. */
  readonly resting: Deadlines<Subscription> = new Deadlines();
  /** Lookups by time that wait for the disk. */
  readonly timeWaiters: Set<TimeWaiter> = new Set();
  /** Records whose time was asked for and lies on the disk. */
  readonly coldTimes: ColdTimes = new ColdTimes();
  /** Subscriptions that there are. */
  subscriptions = 0;
  /** Too much is not synced yet: no batch is taken that a sync would have to cover. */
  holdsProducers = false;
  /** What all logs may take is nearly taken: no batch is taken until something has left. */
  waitsForRoom = false;
  /** In force, for all topics; server/apply_settings.ts changes them. */
  settings: BrokerSettings = brokerSettings([]);
  /** Partitions that the caretaker has something to do for. */
  readonly attention: TopicPartition[] = [];

  constructor(reader: PartitionReader, coldReads: ColdReads | null = null) {
    this.reader = reader;
    this.coldReads = coldReads;
  }

  /** What is asked before anything of a log is read; null: reading may wait for the disk. */
  get guarding(): Residency | null {
    return this.coldReads !== null && this.coldReads.isGuarding ? this.coldReads.residency : null;
  }

  queueAppended(partition: TopicPartition): void {
    if (partition.appendQueued) return;
    partition.appendQueued = true;
    this.appended.push(partition);
  }

  queueUnsynced(partition: TopicPartition, dueMs: number): void {
    if (partition.syncQueued) return;
    partition.syncQueued = true;
    partition.syncDueMs = dueMs;
    this.unsynced.push(partition);
  }

  queueAttention(partition: TopicPartition): void {
    if (partition.attentionQueued) return;
    partition.attentionQueued = true;
    this.attention.push(partition);
  }

  /** Forgets a parked fetch: it is answered, or its connection ended. */
  cancel(waiter: FetchWaiter): void {
    this.coldReads?.forget(waiter);
    this.waiters.unpark(waiter);
  }
}
