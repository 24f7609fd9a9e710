/**
 * Opening a topic's partitions in a shard: at the start for what the catalogue holds, later, some
 * in a turn, for what was created. Recovery happens here; its progress is told.
 *
 * Invariant: a topic becomes known with all of its partitions, or not at all; what it got later
 * comes to it as a whole too.
 */

import { POSIX_FADV_DONTNEED, POSIX_FADV_RANDOM } from "../../ffi/constants.ts";
import { assert } from "../base/assert.ts";
import { MiB } from "../base/units.ts";
import { trace } from "../base/trace.ts";
import { Topic } from "../broker/topics.ts";
import { topicConfigIn } from "../format/broker_settings.ts";
import { partitionDirectory } from "../format/file_names.ts";
import { OFFSETS_TOPIC } from "../format/internal_topics.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { PartitionKind } from "../log/opened_log.ts";
import type { Partition } from "../log/partition.ts";
import { emptyReport, openPartition, UNKNOWN } from "../log/recovery.ts";
import type { PartitionPoints, TopicStart } from "./messages.ts";
import type { Node } from "./node.ts";
import type { RecoveryWatch } from "./recovery_watch.ts";

/** A long scan says how far it is each time it has read this much. */
const PROGRESS_BYTES: number = 512 * MiB;
const NOTHING_KNOWN: PartitionPoints = { recoveryPoint: UNKNOWN, logStart: UNKNOWN };

/** Opens all partitions, then makes the topic known. Throws StorageError; then nothing is known. */
export function openTopic(
  node: Node,
  entry: TopicStart,
  clean: boolean,
  watch: RecoveryWatch | null = null,
): void {
  new TopicOpening(node, entry, clean, watch).step(Infinity);
}

/** A topic that is being opened, or those partitions of it that are not open. */
export class TopicOpening {
  readonly #node: Node;
  readonly #entry: TopicStart;
  readonly #clean: boolean;
  readonly #config: TopicConfig;
  readonly #kind: PartitionKind;
  readonly #logs: Partition[] = [];
  readonly #watch: RecoveryWatch | null;

  constructor(
    node: Node,
    entry: TopicStart,
    clean: boolean,
    watch: RecoveryWatch | null = null,
  ) {
    const config = topicConfigIn(node.broker.settings, entry.name, entry.config);
    assert(typeof config !== "string", "the catalogue holds checked settings");
    this.#node = node;
    this.#entry = entry;
    this.#clean = clean;
    this.#config = config;
    this.#watch = watch;
    const mayHaveGaps = config.cleanupCompact || entry.wasCompacted === true;
    this.#kind = mayHaveGaps ? PartitionKind.cleaned : PartitionKind.own;
  }

  /**
   * Opens up to `count` more partitions. True when the topic is known. Throws StorageError: what
   * was opened is closed.
   */
  step(count: number): boolean {
    const { name, topicId, partitions, points, config } = this.#entry;
    const { topics } = this.#node.broker;
    const served = topics.get(name);
    const topic = served ?? new Topic(name, topicId, this.#config, config);
    const first = topic.partitions.length;
    const logs = this.#logs;
    try {
      const end = Math.min(partitions, first + logs.length + count);
      for (let index = first + logs.length; index < end; index += 1) {
        const directory = partitionDirectory(name, index);
        const known = points[index] ?? NOTHING_KNOWN;
        const kind = this.#kind;
        logs.push(recover(this.#node, topic, directory, this.#clean, known, kind, this.#watch));
        this.#watch?.opened();
      }
    } catch (error) {
      for (const log of logs) log.abandon();
      throw error;
    }
    if (first + logs.length < partitions) return false;
    for (const log of logs) topics.addPartition(topic, log);
    if (served === undefined) topics.add(topic);
    if (name === OFFSETS_TOPIC) this.#node.broker.offsets.opened(topic);
    return true;
  }
}

function recover(
  node: Node,
  { config }: Topic,
  directory: string,
  clean: boolean,
  points: PartitionPoints,
  kind: PartitionKind,
  watch: RecoveryWatch | null,
): Partition {
  const report = emptyReport();
  let told = 0;
  const progress = (bytes: number) => {
    watch?.scanned(bytes);
    if (bytes - told < PROGRESS_BYTES) return;
    told = bytes;
    trace("info", `${directory}: ${Math.floor(bytes / MiB)} MiB scanned`);
  };
  const { recoveryPoint, logStart } = points;
  const leaderEpoch = node.start.nodeEpoch;
  const options = {
    directory,
    config,
    kind,
    leaderEpoch,
    clean,
    recoveryPoint,
    logStart,
    progress,
  };
  const log = openPartition(node.store, options, report);
  const { bytesDropped, zerosDropped, stoppedAt } = report;
  if (bytesDropped > zerosDropped) {
    trace("warning", `${directory}: dropped ${bytesDropped} unfinished bytes (${stoppedAt})`);
  }
  if (report.degraded !== "") {
    trace("error", `${directory} is damaged and takes no new records: ${report.degraded}`);
  }
  if (report.bytesScanned > 0) dropScanned(node, log);
  if (node.coldReads.isGuarding) stopReadAhead(node, log);
  return log;
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
