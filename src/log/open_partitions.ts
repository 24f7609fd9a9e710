/**
 * Opens partitions, many beside each other: each step is taken for all of them before the next,
 * and between the steps all their files are synced at once.
 *
 *     begin     list, open the last segment          -> sync of that, its cache dropped
 *     recover   scan, cut, write the epoch's line     -> sync of the cut, of the line
 *     publish   rename the line                       -> sync of the directory
 *
 * After a clean stop there is nothing to sync, but for a line that is missing.
 *
 * Invariant: when a partition is returned, what recovery found and the line of its epoch are on
 * disk; when one of them fails, all of them are let go.
 */

import { EpochLine } from "./epoch_file.ts";
import { ensureDirectory, must, openDirectory } from "./files.ts";
import {
  emptyReport,
  type OpenedLog,
  PartitionKind,
  type RecoveryOptions,
  type RecoveryReport,
} from "./opened_log.ts";
import { Partition } from "./partition.ts";
import { Recovery } from "./recovery.ts";
import type { SegmentStore } from "./segment_store.ts";
import { type ManySyncs, SerialSyncs, SyncGroup } from "./sync_group.ts";

export interface OpenedPartition {
  readonly partition: Partition;
  readonly report: RecoveryReport;
}

/** Opens them, creating directories where there are none. Throws StorageError. */
export function openPartitions(
  store: SegmentStore,
  wanted: readonly RecoveryOptions[],
  syncs: ManySyncs = new SerialSyncs(store.libc),
): OpenedPartition[] {
  const group = new SyncGroup(store.libc, syncs);
  const openings = wanted.map((options) => new Opening(store, options));
  try {
    for (const opening of openings) opening.begin(group);
    group.run();
    const opened = openings.map((opening) => opening.recover(group));
    group.run();
    for (const opening of openings) opening.publish(group);
    group.run();
    return opened;
  } catch (error) {
    group.drop();
    for (const opening of openings) opening.abandon();
    throw error;
  } finally {
    store.dropScanBlock();
  }
}

class Opening {
  readonly #store: SegmentStore;
  readonly #options: RecoveryOptions;
  readonly #report: RecoveryReport = emptyReport();
  readonly #recovery: Recovery;
  #partition: Partition | null = null;
  #line: EpochLine | null = null;

  constructor(store: SegmentStore, options: RecoveryOptions) {
    this.#store = store;
    this.#options = options;
    this.#recovery = new Recovery(store, options, this.#report);
  }

  begin(group: SyncGroup): void {
    ensureDirectory(this.#store.libc, this.#store.dataFd, this.#options.directory);
    this.#recovery.begin(group);
  }

  recover(group: SyncGroup): OpenedPartition {
    const store = this.#store;
    const report = this.#report;
    const { directory, config, kind, leaderEpoch } = this.#options;
    const log = this.#recovery.run(group);
    report.segments = log.segments.length;
    report.degraded = log.degraded;
    const { counters } = store;
    counters.recoveryScanned += report.bytesScanned;
    counters.recoveryScannedMax = Math.max(counters.recoveryScannedMax, report.bytesScanned);
    const partition = new Partition(store, directory, config, kind, leaderEpoch, log);
    this.#partition = partition;
    if (log.degraded === "") this.#beginEpoch(partition, log, group);
    return { partition, report };
  }

  /** What `recover` asked for is synced. */
  publish(group: SyncGroup): void {
    const line = this.#line;
    const hasLine = line !== null && line.rename();
    const { isWhole } = this.#recovery;
    if (!hasLine && isWhole) return;
    const { libc, dataFd } = this.#store;
    const { directory } = this.#options;
    const fd = must(openDirectory(libc, dataFd, directory), `open ${directory}`);
    group.add(fd, true, (result) => {
      if (result < 0 && hasLine) line.takeBack();
      if (!isWhole) must(result, `sync directory ${directory}`);
      if (result === 0 && hasLine) this.#partition!.checkpoint.epochsChanged = false;
    });
  }

  abandon(): void {
    this.#recovery.abandon();
    this.#partition?.abandon();
  }

  /**
   * The records to come are of a new epoch: its line is written now, where a sync holds nobody up.
   * Where the disk refuses it, the first append tries again. A copied log has its source's epochs.
   */
  #beginEpoch(partition: Partition, log: OpenedLog, group: SyncGroup): void {
    const { store, directory, epochs, leaderEpoch, kind } = partition;
    if (kind === PartitionKind.copied) return partition.checkpoint.saveEpochs(partition);
    if (leaderEpoch === epochs.latest) return;
    const line = new EpochLine(store, directory, epochs, leaderEpoch, log.end);
    const fd = line.write();
    if (fd < 0) return;
    this.#line = line;
    group.add(fd, true, (result) => {
      if (result === 0) return;
      line.takeBack();
      this.#line = null;
    });
  }
}
