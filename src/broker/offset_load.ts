/**
 * Loading the committed offsets of one partition of `__consumer_offsets` at a start: its log from
 * end to end, a bounded piece in a turn, when that is in the page cache. Nobody may commit to it or
 * fetch from it meanwhile.
 *
 *     log  | batch | batch | … -> records, in order -> the store
 *                                 `-> of a topic that is gone -> stale: a tombstone is owed
 *
 * A record is of a topic that is gone when there is none of its name, or when the one that there is
 * has another id: what was committed to a deleted topic never counts for a new one, wherever a
 * crash came in between (ADR 12).
 *
 * Invariant: when `problem` is empty at the end, the store holds the newest record of every key.
 */

import type { ByteBlock } from "../base/bytes.ts";
import type { FileSlice } from "../base/file_slice.ts";
import { trace } from "../base/trace.ts";
import { BATCH_HEADER_SIZE, BatchAt, CODEC_MASK } from "../format/batch.ts";
import {
  type CommittedOffset,
  decodeOffsetRecord,
  type OffsetRecord,
} from "../format/offset_records.ts";
import { RecordCursor } from "../format/record_cursor.ts";
import { COLD_TRIES_MAX, OFFSETS_LOAD_BYTES } from "../limits.ts";
import { BatchScan, type MayRead } from "../log/batch_scan.ts";
import type { Segment } from "../log/segment.ts";
import type { ColdReads } from "./cold_reads.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import type { OffsetStore } from "./offset_store.ts";
import type { Topic, TopicPartition, Topics } from "./topics.ts";

/** Of an open transaction, or what ends one: this broker writes neither. */
const TRANSACTION_BITS = 0x30;

export class OffsetLoad implements ColdWaiter {
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  readonly #partition: TopicPartition;
  readonly #topics: Topics;
  readonly #store: OffsetStore;
  readonly #scan: BatchScan;
  readonly #cursor: RecordCursor = new RecordCursor();
  readonly #stale: Map<string, OffsetRecord> = new Map();
  readonly #mayRead: MayRead;
  #coldReads: ColdReads | null = null;
  readonly #visit: (block: ByteBlock, at: number, size: number) => void;
  #passed = 0;
  #isRead = false;

  constructor(partition: TopicPartition, topics: Topics, store: OffsetStore) {
    this.#partition = partition;
    this.#topics = topics;
    this.#store = store;
    this.#scan = new BatchScan(partition.log, OFFSETS_LOAD_BYTES);
    this.#mayRead = (segment, slice) => this.#isReadable(segment, slice);
    this.#visit = (block, at, size) => this.#visitBatch(block, at, size);
  }

  /** Why not all was read; empty when all was. */
  get problem(): string {
    return this.#scan.problem;
  }

  /**
   * Goes on reading; with `coldReads` what is not in the page cache is waited for, between two
   * steps. True when all that can be read is in the store.
   */
  step(coldReads: ColdReads | null): boolean {
    if (this.#isRead) return true;
    this.#coldReads = coldReads;
    if (this.readResult < 0) this.#scan.fail(-this.readResult);
    if (this.#scan.step(this.#visit, this.#mayRead)) return false;
    this.#isRead = true;
    const { directory } = this.#partition.log;
    if (this.problem !== "") trace("error", `not all offsets were loaded: ${this.problem}`);
    if (this.#passed > 0) {
      trace("warning", `${directory}: ${this.#passed} records or batches are of no known kind`);
    }
    return true;
  }

  /** Tombstones that are owed, `count` at most; each is given out once. */
  takeStale(count: number): OffsetRecord[] {
    const taken: OffsetRecord[] = [];
    for (const [key, record] of this.#stale) {
      if (taken.length === count) break;
      this.#stale.delete(key);
      taken.push(record);
    }
    return taken;
  }

  /** The topic of what was loaded is deleted while the load goes on. */
  forget(tombstones: readonly OffsetRecord[]): void {
    for (const tombstone of tombstones) this.#drop(tombstone);
  }

  /** A reader like any other that catches up: it is read ahead of it, and dropped behind it. */
  #isReadable(segment: Segment, slice: FileSlice): boolean {
    const coldReads = this.#coldReads;
    if (coldReads === null || !coldReads.isGuarding) return true;
    if (!coldReads.mayPass(this.#partition, segment, slice)) {
      if (this.tries < COLD_TRIES_MAX) {
        coldReads.wait(this.#partition, segment, this, slice, true);
        return false;
      }
      coldReads.passCold(this.#partition, segment, slice);
    }
    this.tries = 0;
    return true;
  }

  #visitBatch(block: ByteBlock, at: number, size: number): void {
    const attributes = block.view.getUint16(at + BatchAt.attributes);
    if ((attributes & (CODEC_MASK | TRANSACTION_BITS)) !== 0) {
      this.#passed += 1;
      return;
    }
    const cursor = this.#cursor;
    cursor.open(block, at, block.bytes, at + BATCH_HEADER_SIZE, at + size);
    while (cursor.next()) this.#visitRecord(decodeOffsetRecord(cursor));
    if (cursor.problem !== "") this.#passed += 1;
  }

  #visitRecord(record: ReturnType<typeof decodeOffsetRecord>): void {
    if (typeof record === "string") {
      this.#passed += 1;
      return;
    }
    if (record.commit !== null && !this.#isCurrent(record)) return this.#drop(record);
    this.#stale.delete(keyOf(record));
    this.#store.load(record);
  }

  #drop(record: OffsetRecord): void {
    const tombstone = { ...record, commit: null };
    this.#store.load(tombstone);
    this.#stale.set(keyOf(record), tombstone);
  }

  #isCurrent({ topic: name, partition, commit }: OffsetRecord): boolean {
    const topic = this.#topics.get(name);
    if (topic === undefined || partition >= topic.partitions.length) return false;
    return isOf(commit!, topic);
  }
}

/** Whether the offset was committed to this very topic, as far as it says so. */
export function isOf({ topicId }: CommittedOffset, topic: Topic): boolean {
  return topicId === "" || topicId === topic.topicId;
}

function keyOf({ group, topic, partition }: OffsetRecord): string {
  return `${topic}-${partition} ${group}`; // a topic's name has no blank in it
}
