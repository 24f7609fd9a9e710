/**
 * Opening a topic's partitions in a shard: at the start for what the catalogue holds
 * (open_topics.ts), later, some in a turn, for what was created. What recovery did is told.
 *
 * Invariant: a topic becomes known with all of its partitions, or not at all; what it got later
 * comes to it as a whole too.
 */

import { POSIX_FADV_DONTNEED, POSIX_FADV_RANDOM } from "../../ffi/constants.ts";
import { assert } from "../base/assert.ts";
import { trace } from "../base/trace.ts";
import { Topic } from "../broker/topics.ts";
import { topicConfigIn } from "../format/broker_settings.ts";
import { partitionDirectory } from "../format/file_names.ts";
import { OFFSETS_TOPIC } from "../format/internal_topics.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { type OpenedPartition, openPartitions } from "../log/open_partitions.ts";
import {
  PartitionKind,
  type RecoveryOptions,
  type RecoveryReport,
  UNKNOWN,
} from "../log/opened_log.ts";
import type { Partition } from "../log/partition.ts";
import type { PartitionPoints, TopicStart } from "./messages.ts";
import type { Node } from "./node.ts";

const NOTHING_KNOWN: PartitionPoints = { recoveryPoint: UNKNOWN, logStart: UNKNOWN };

/** Opens all partitions, then makes the topic known. Throws StorageError; then nothing is known. */
export function openTopic(node: Node, entry: TopicStart, clean: boolean): void {
  new TopicOpening(node, entry, clean).step(Infinity);
}

/** A topic that is being opened, or those partitions of it that are not open. */
export class TopicOpening {
  readonly #node: Node;
  readonly #entry: TopicStart;
  readonly #clean: boolean;
  readonly #config: TopicConfig;
  readonly #kind: PartitionKind;
  readonly #logs: Partition[] = [];
  /** Hears of bytes that are scanned. */
  readonly #scanned: (bytes: number) => void;

  constructor(
    node: Node,
    entry: TopicStart,
    clean: boolean,
    scanned: (bytes: number) => void = () => {},
  ) {
    const config = topicConfigIn(node.broker.settings, entry.name, entry.config);
    assert(typeof config !== "string", "the catalogue holds checked settings");
    this.#node = node;
    this.#entry = entry;
    this.#clean = clean;
    this.#config = config;
    this.#scanned = scanned;
    const mayHaveGaps = config.cleanupCompact || entry.wasCompacted === true;
    this.#kind = mayHaveGaps ? PartitionKind.cleaned : PartitionKind.own;
  }

  /**
   * Opens up to `count` more partitions. True when the topic is known. Throws StorageError: what
   * was opened is closed.
   */
  step(count: number): boolean {
    try {
      this.take(openPartitions(this.#node.store, this.next(count)));
    } catch (error) {
      this.abandon();
      throw error;
    }
    return this.finish();
  }

  /** How the next partitions are to be opened, at most `count`. */
  next(count: number): RecoveryOptions[] {
    const first = this.#known + this.#logs.length;
    const end = Math.min(this.#entry.partitions, first + count);
    return Array.from({ length: Math.max(0, end - first) }, (_, i) => this.#options(first + i));
  }

  /** They are open. */
  take(opened: readonly OpenedPartition[]): void {
    for (const { partition, report } of opened) {
      this.#logs.push(partition);
      tell(partition.directory, report);
      if (report.bytesScanned > 0) dropScanned(this.#node, partition);
      if (this.#node.coldReads.isGuarding) stopReadAhead(this.#node, partition);
    }
  }

  /** Makes the topic known when all of it is open; whether that is so. */
  finish(): boolean {
    const { name, topicId, partitions, config } = this.#entry;
    const { topics, offsets } = this.#node.broker;
    if (this.#known + this.#logs.length < partitions) return false;
    const served = topics.get(name);
    const topic = served ?? new Topic(name, topicId, this.#config, config);
    for (const log of this.#logs) topics.addPartition(topic, log);
    if (served === undefined) topics.add(topic);
    if (name === OFFSETS_TOPIC) offsets.opened(topic);
    return true;
  }

  abandon(): void {
    for (const log of this.#logs) log.abandon();
  }

  /** Partitions that are served already. */
  get #known(): number {
    return this.#node.broker.topics.get(this.#entry.name)?.partitions.length ?? 0;
  }

  #options(index: number): RecoveryOptions {
    const { name, points } = this.#entry;
    const { recoveryPoint, logStart } = points[index] ?? NOTHING_KNOWN;
    const config = this.#node.broker.topics.get(name)?.config ?? this.#config;
    const directory = partitionDirectory(name, index);
    return {
      directory,
      config,
      kind: this.#kind,
      leaderEpoch: this.#node.start.nodeEpoch,
      clean: this.#clean,
      recoveryPoint,
      logStart,
      progress: this.#progress(),
    };
  }

  /** Of one partition; a scan says how much it has read in all. */
  #progress(): (bytes: number) => void {
    let heard = 0;
    return (bytes) => {
      this.#scanned(bytes - heard);
      heard = bytes;
    };
  }
}

function tell(directory: string, report: RecoveryReport): void {
  const { bytesDropped, zerosDropped, stoppedAt, degraded } = report;
  if (bytesDropped > zerosDropped) {
    trace("warning", `${directory}: dropped ${bytesDropped} unfinished bytes (${stoppedAt})`);
  }
  if (degraded !== "") {
    trace("error", `${directory} is damaged and takes no new records: ${degraded}`);
  }
}

/** Recovery read from end to end; from now on what is read ahead is the guard's to decide. */
function stopReadAhead(node: Node, log: Partition): void {
  for (const { file } of log.segments) {
    if (file !== null) node.libc.fadvise(file.fd, 0, 0, POSIX_FADV_RANDOM);
  }
}

/** The scan brought the whole log into the page cache; sealed segments need not stay there. */
function dropScanned(node: Node, log: Partition): void {
  for (const segment of log.segments.slice(0, -1)) {
    if (segment.file === null) continue;
    node.background.advise(segment.file.fd, 0, 0, POSIX_FADV_DONTNEED);
  }
}
