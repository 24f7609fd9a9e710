/**
 * Offsets of groups: one registry for all doors. A commit is a batch of records in
 * `__consumer_offsets`, appended like any other, and counts when it is durable.
 *
 *     commit -> checked -> staged in log and store -> written -> synced -> in force, answered
 *     delete -> tombstones, the same way
 *     start  -> each partition is loaded (offset_load.ts); until then it answers group_loading
 *
 * The topic is made when the first commit comes, which waits for it. A group's partition is that of
 * Kafka's hash; the shard that owns it is the group's coordinator.
 *
 * Invariant: an answered commit is what a fetch gives from then on, after any crash, or a later
 * one; a fetch shows nothing that is not durable. Every request is answered once.
 */

import type { ByteBlock } from "../base/bytes.ts";
import { trace } from "../base/trace.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { groupPartition, isGroupId } from "../format/group_ids.ts";
import { OFFSETS_TOPIC } from "../format/internal_topics.ts";
import { type CommittedOffset, OffsetBatch, type OffsetRecord } from "../format/offset_records.ts";
import {
  OFFSET_METADATA_SIZE_MAX,
  OFFSETS_ARENA_BYTES,
  OFFSETS_PER_COMMIT_MAX,
  OFFSETS_WAITING_MAX,
} from "../limits.ts";
import { COORDINATOR_SLOT } from "./append_waiters.ts";
import type { Broker, Door } from "./broker.ts";
import type { ColdReads } from "./cold_reads.ts";
import { isOf, OffsetLoad } from "./offset_load.ts";
import { type Group, OffsetStore } from "./offset_store.ts";
import type { Topic, TopicPartition } from "./topics.ts";

/** No request is parked under it: main's answer is about `__consumer_offsets`. */
export const OFFSETS_TOPIC_TOKEN = 0;

/** What a group commits. */
export interface OffsetCommit {
  readonly group: string;
  /** Empty and -1: of no member. */
  readonly memberId: string;
  readonly generation: number;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly leaderEpoch: number;
    readonly metadata: string;
  }[];
}

/** A place where a group may have an offset. */
export interface OffsetPlace {
  readonly topic: string;
  readonly partition: number;
}

/** What a request waits for; token 0: nobody does. */
interface Request {
  readonly token: number;
  readonly results: readonly ErrorCode[];
  /** Batches of it that are not settled. */
  left: number;
  error: ErrorCode;
}

const encoder = new TextEncoder();

export class GroupOffsets {
  readonly store: OffsetStore = new OffsetStore();
  readonly counters = { commits: 0, committedOffsets: 0, refusedCommits: 0 };
  /** Asks for `__consumer_offsets`; `topicAnswered` follows. The server sets it. */
  askForTopic: () => void = () => {};
  readonly #broker: Broker;
  /** By partition: what is still being loaded, and what could not be. */
  readonly #loads: Map<number, OffsetLoad> = new Map();
  readonly #unreadable: Set<number> = new Set();
  /** Commits that wait for the topic. */
  readonly #waiting: { readonly token: number; readonly commit: OffsetCommit }[] = [];
  /** Batches that are not settled, by the number that their waiter holds. */
  readonly #appends: Map<number, { records: readonly OffsetRecord[]; request: Request }> =
    new Map();
  #nextAppend = 1;
  /** Where this turn's batches are encoded. */
  #arena: ByteBlock | null = null;
  #arenaUsed = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  get isLoading(): boolean {
    return this.#loads.size > 0;
  }

  /** `__consumer_offsets` is open: what it holds is loaded from now on. */
  opened(topic: Topic): void {
    for (const partition of topic.partitions) {
      const { log } = partition;
      if (log.degraded !== "") this.#unreadable.add(partition.index);
      if (log.written.offset === log.logStart) continue;
      this.#loads.set(
        partition.index,
        new OffsetLoad(partition, this.#broker.topics, this.store),
      );
    }
  }

  /** Whether `load` has something to do, and need not wait for the disk to do it. */
  get canLoad(): boolean {
    return this.isLoading && this.#loads.values().next().value!.stream === null;
  }

  /** Goes on loading, a bounded piece; without `coldReads` it may wait. Call while `isLoading`. */
  load(coldReads: ColdReads | null): void {
    const [index, load] = this.#loads.entries().next().value!;
    if (load.stream !== null || !load.step(coldReads)) return;
    if (load.problem !== "") this.#unreadable.add(index);
    const partition = this.#broker.topics.get(OFFSETS_TOPIC)?.partitions[index];
    const stale = load.takeStale(OFFSETS_PER_COMMIT_MAX);
    if (stale.length > 0 && partition !== undefined && load.problem === "") {
      // Before any commit: behind it a tombstone would be the newer record.
      if (this.#append(partition, stale, newRequest(0)) === ErrorCodes.none) return;
    }
    this.#loads.delete(index); // a tombstone that was refused is owed by the next start
  }

  /** Commits offsets, each or its error; `door.offsetsDone` with the token is the answer. */
  commit(token: number, commit: OffsetCommit, door: Door): void {
    let error = checkMember(commit);
    const topic = this.#broker.topics.get(OFFSETS_TOPIC);
    if (error === ErrorCodes.none && topic === undefined) return this.#wait(token, commit, door);
    if (error === ErrorCodes.none) error = this.#refusal(commit.group);
    if (error === ErrorCodes.none) error = this.#commit(token, commit, topic!, door);
    if (error === ErrorCodes.none) return;
    this.counters.refusedCommits += 1;
    door.offsetsDone(token, error, []);
  }

  /** Why nothing can be said of the group now, or none. */
  refusal(name: string): ErrorCode {
    return isGroupId(name) ? this.#refusal(name) : ErrorCodes.invalid_group_id;
  }

  /** Why not all groups can be listed, or none. */
  get listRefusal(): ErrorCode {
    if (this.isLoading) return ErrorCodes.group_loading;
    return this.#unreadable.size > 0 ? ErrorCodes.partition_degraded : ErrorCodes.none;
  }

  group(name: string): Group | undefined {
    return this.store.groups.get(name);
  }

  /**
   * What the group has committed there; null: nothing. What was committed to a topic that is gone
   * is no more, although its tombstone may be on its way: a new one may have the name by now.
   */
  committed(name: string, { topic, partition }: OffsetPlace): CommittedOffset | null {
    const commit = this.store.groups.get(name)?.get(topic, partition)?.durable ?? null;
    const current = this.#broker.topics.get(topic);
    if (commit === null || current === undefined) return null;
    return isOf(commit, current) ? commit : null;
  }

  /** Deletes offsets of a group, all when `places` is empty; the answer comes as for a commit. */
  remove(token: number, name: string, places: readonly OffsetPlace[], door: Door): void {
    const group = this.store.groups.get(name);
    let error = this.refusal(name);
    if (error === ErrorCodes.none && group === undefined) error = ErrorCodes.group_not_found;
    if (error !== ErrorCodes.none) return door.offsetsDone(token, error, []);
    const known = [...this.store.tombstones(group!)];
    const wanted = new Set(places.map(({ topic, partition }) => `${topic}-${partition}`));
    const tombstones = places.length === 0
      ? known
      : known.filter(({ topic, partition }) => wanted.has(`${topic}-${partition}`));
    const request = newRequest(token);
    const partition = this.#partitionOf(name)!;
    request.left += 1; // until all are staged
    this.#appendAll(partition, tombstones, request);
    this.#settled(request, ErrorCodes.none, door);
  }

  /** A topic is gone, and what was committed in it goes too. */
  forgetTopic(name: string): void {
    if (name === OFFSETS_TOPIC) return this.#reset();
    const topic = this.#broker.topics.get(OFFSETS_TOPIC);
    if (topic === undefined) return;
    const byPartition: OffsetRecord[][] = topic.partitions.map(() => []);
    for (const group of this.store.groups.values()) {
      if (!group.topics.has(name)) continue;
      const index = groupPartition(group.name, topic.partitions.length);
      byPartition[index]!.push(...this.store.tombstones(group, name));
    }
    byPartition.forEach((tombstones, index) => {
      const load = this.#loads.get(index);
      if (load !== undefined) return load.forget(tombstones);
      const request = newRequest(0);
      this.#appendAll(topic.partitions[index]!, tombstones, request);
      // Where the disk takes nothing the next start writes them: it knows the topic by its id.
      if (request.error !== ErrorCodes.none) {
        for (const tombstone of tombstones) this.store.load(tombstone);
      }
    });
  }

  /** The main thread has made the topic, or could not. */
  topicAnswered(error: ErrorCode, door: Door): void {
    const isThere = this.#broker.topics.get(OFFSETS_TOPIC) !== undefined;
    for (const { token, commit } of this.#waiting.splice(0)) {
      if (isThere) this.commit(token, commit, door);
      else door.offsetsDone(token, error || ErrorCodes.storage_failed, []);
    }
  }

  /** The shard stops: main will answer nobody any more. */
  refuseWaiting(door: Door): void {
    for (const { token } of this.#waiting.splice(0)) {
      door.offsetsDone(token, ErrorCodes.shutting_down, []);
    }
  }

  /** A batch of ours has reached the disk, or it was refused. */
  appended(number: number, error: ErrorCode, door: Door): void {
    const append = this.#appends.get(number);
    this.#appends.delete(number);
    if (append === undefined) return;
    const isDurable = error === ErrorCodes.none;
    for (const record of append.records) this.store.settle(record, isDurable);
    this.#settled(append.request, error, door);
  }

  /** What was staged in this turn is written, or refused: its memory is free again. */
  flushed(): void {
    this.#arenaUsed = 0;
    if (this.#arena !== null && this.#arena.size > OFFSETS_ARENA_BYTES) this.#arena = null;
  }

  #refusal(name: string): ErrorCode {
    const partition = this.#partitionOf(name);
    if (partition === undefined) return ErrorCodes.none;
    if (this.#loads.has(partition.index)) return ErrorCodes.group_loading;
    return this.#unreadable.has(partition.index) ? ErrorCodes.partition_degraded : ErrorCodes.none;
  }

  #partitionOf(name: string): TopicPartition | undefined {
    const topic = this.#broker.topics.get(OFFSETS_TOPIC);
    return topic?.partitions[groupPartition(name, topic.partitions.length)];
  }

  #wait(token: number, commit: OffsetCommit, door: Door): void {
    if (this.#waiting.length === OFFSETS_WAITING_MAX) {
      return door.offsetsDone(token, ErrorCodes.group_loading, []);
    }
    this.#waiting.push({ token, commit });
    if (this.#waiting.length === 1) this.askForTopic();
  }

  #commit(token: number, commit: OffsetCommit, topic: Topic, door: Door): ErrorCode {
    const timestampMs = topic.partitions[0]!.log.store.wallMs;
    const results: ErrorCode[] = [];
    const records: OffsetRecord[] = [];
    const { group } = commit;
    for (const entry of commit.offsets) {
      const error = this.#check(entry);
      results.push(error);
      if (error !== ErrorCodes.none) continue;
      const { partition, offset, leaderEpoch, metadata } = entry;
      const { topicId, name } = this.#broker.topics.get(entry.topic)!;
      const committed = { offset, leaderEpoch, metadata, timestampMs, topicId };
      records.push({ group, topic: name, partition, commit: committed });
    }
    if (records.length === 0) {
      door.offsetsDone(token, ErrorCodes.none, results);
      return ErrorCodes.none;
    }
    if (!this.store.hasRoom(group, records)) return ErrorCodes.too_many_offsets;
    this.counters.commits += 1;
    this.counters.committedOffsets += records.length;
    return this.#append(this.#partitionOf(group)!, records, newRequest(token, results));
  }

  #check({ topic: name, partition, metadata }: OffsetCommit["offsets"][number]): ErrorCode {
    const topic = this.#broker.topics.get(name);
    if (topic === undefined) return ErrorCodes.topic_not_found;
    if (partition >= topic.partitions.length) return ErrorCodes.partition_not_found;
    const isTooLarge = metadata.length > OFFSET_METADATA_SIZE_MAX ||
      encoder.encode(metadata).length > OFFSET_METADATA_SIZE_MAX;
    return isTooLarge ? ErrorCodes.offset_metadata_too_large : ErrorCodes.none;
  }

  #appendAll(partition: TopicPartition, records: readonly OffsetRecord[], request: Request): void {
    for (let at = 0; at < records.length; at += OFFSETS_PER_COMMIT_MAX) {
      const error = this.#append(
        partition,
        records.slice(at, at + OFFSETS_PER_COMMIT_MAX),
        request,
      );
      if (error !== ErrorCodes.none) request.error = error;
    }
  }

  /** Stages one batch in log and store. Not none: it is refused, and nothing is staged. */
  #append(
    partition: TopicPartition,
    records: readonly OffsetRecord[],
    request: Request,
  ): ErrorCode {
    const { log } = partition;
    const batch = new OffsetBatch(records);
    const at = this.#reserve(batch.size, (size) => log.store.libc.allocate(size));
    batch.write(this.#arena!, at, log.store.wallMs);
    const base = log.stage(this.#arena!, at, batch.size);
    this.#broker.queueAppended(partition);
    if (base < 0) return -base as ErrorCode;
    for (const record of records) this.store.stage(record);
    const number = this.#nextAppend;
    this.#nextAppend = (number + 1) >>> 0;
    this.#appends.set(number, { records, request });
    request.left += 1;
    log.syncTarget = log.stagedEnd; // whatever the level of the topic
    const { nowMs } = this.#broker;
    partition.durableWaiters.push(COORDINATOR_SLOT, 0, number, 0, 0, base, log.stagedEnd, nowMs);
    return ErrorCodes.none;
  }

  /** Room in the arena for a batch, which stays as it is until the turn's batches are written. */
  #reserve(size: number, allocate: (size: number) => ByteBlock): number {
    if (this.#arena === null || this.#arenaUsed + size > this.#arena.size) {
      // What was staged in the one before is held by who writes it.
      this.#arena = allocate(Math.max(size, OFFSETS_ARENA_BYTES));
      this.#arenaUsed = 0;
    }
    const at = this.#arenaUsed;
    this.#arenaUsed = (at + size + 7) & ~7; // words stay aligned for the checksum
    return at;
  }

  #settled(request: Request, error: ErrorCode, door: Door): void {
    request.left -= 1;
    if (error !== ErrorCodes.none) request.error = error;
    if (request.left > 0 || request.token === 0) return;
    door.offsetsDone(request.token, request.error, request.results);
  }

  #reset(): void {
    trace("warning", `${OFFSETS_TOPIC} is gone, and with it what groups have committed`);
    for (const load of this.#loads.values()) this.#broker.coldReads?.forget(load);
    this.#loads.clear();
    this.#unreadable.clear();
    this.store.groups.clear();
    this.store.bytes = 0;
  }
}

function newRequest(token: number, results: readonly ErrorCode[] = []): Request {
  return { token, results, left: 0, error: ErrorCodes.none };
}

/** Until groups have members, only who is none may commit: any other was of another broker. */
function checkMember({ group, memberId, generation }: OffsetCommit): ErrorCode {
  if (!isGroupId(group)) return ErrorCodes.invalid_group_id;
  if (memberId !== "") return ErrorCodes.unknown_member;
  return generation < 0 ? ErrorCodes.none : ErrorCodes.illegal_generation;
}
