/**
 * A data directory with one partition on the real disk, for tests of the log: open it as after a
 * clean or an unclean stop, append, sync, read, and look at the files from outside.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { emptySlice } from "../../src/base/file_slice.ts";
import { defaultTopicConfig, type TopicConfig } from "../../src/format/topic_config.ts";
import type { Partition } from "../../src/log/partition.ts";
import { PartitionReader } from "../../src/log/read.ts";
import { openPartitions } from "../../src/log/open_partitions.ts";
import { PartitionKind, type RecoveryReport, UNKNOWN } from "../../src/log/opened_log.ts";
import { LogPoint, Segment } from "../../src/log/segment.ts";
import { SegmentStore } from "../../src/log/segment_store.ts";
import { Walk } from "../../src/log/walk.ts";
import { memoryOf } from "./batches.ts";
import { libcWithoutSyncs } from "./faulty_libc.ts";
import { temporaryDirectory } from "./temporary.ts";

export const DIRECTORY = "orders-0";

export interface WorldOptions {
  libc?: Libc;
  root?: string;
  /** Of the partition; orders-0 by default. */
  directory?: string;
  openSealedMax?: number;
  /** Of recovery; as in production by default. */
  scanBlockSize?: number;
  writtenAheadBytes?: number;
  writtenAheadGroupMax?: number;
}

export interface OpenHow {
  clean?: boolean;
  epoch?: number;
  kind?: PartitionKind;
  recoveryPoint?: number;
  logStart?: number;
}

export class LogWorld {
  readonly root: string;
  readonly directory: string;
  readonly libc: Libc;
  readonly store: SegmentStore;
  readonly reader: PartitionReader;
  readonly dataFd: number;
  /** Descriptors closed through the store. */
  readonly closed: number[] = [];

  constructor(options: WorldOptions = {}) {
    this.root = options.root ?? temporaryDirectory("log");
    this.directory = options.directory ?? DIRECTORY;
    this.libc = options.libc ?? libcWithoutSyncs;
    this.dataFd = this.libc.openat(AT_FDCWD, this.root, O_RDONLY | O_DIRECTORY, 0);
    assert.ok(this.dataFd >= 0, "the data directory opens");
    const close = (fd: number) => {
      this.closed.push(fd);
      this.libc.close(fd);
    };
    const { openSealedMax = 256 } = options;
    this.store = new SegmentStore(this.libc, this.dataFd, close, { ...options, openSealedMax });
    const nowhere = new LogPoint(new Segment(0, 0, null), 0, 0);
    this.reader = new PartitionReader(new Walk(this.store), nowhere);
  }

  open(
    config: Partial<TopicConfig> = {},
    how: OpenHow = {},
  ): { partition: Partition; report: RecoveryReport } {
    const [opened] = openPartitions(this.store, [{
      directory: this.directory,
      config: { ...defaultTopicConfig(), ...config },
      kind: how.kind ?? PartitionKind.own,
      leaderEpoch: how.epoch ?? 0,
      clean: how.clean ?? false,
      recoveryPoint: how.recoveryPoint ?? UNKNOWN,
      logStart: how.logStart ?? UNKNOWN,
      progress: () => {},
    }]);
    return opened!;
  }

  /** Stages one batch; the base offset, or an error code below zero. */
  stage(partition: Partition, batch: Uint8Array): number {
    return partition.stage(memoryOf(batch, 5), 5, batch.length);
  }

  /** One turn: stages, flushes and ends the turn. */
  append(partition: Partition, ...batches: readonly Uint8Array[]): void {
    for (const batch of batches) assert.ok(this.stage(partition, batch) >= 0, "staged");
    assert.equal(partition.flush(), 0);
    partition.turnDone();
  }

  /** A whole sync. */
  sync(partition: Partition, all: boolean = false): void {
    const fds: number[] = [];
    const count = partition.beginSync(fds, all);
    for (let i = 0; i < count; i += 1) partition.endSync(this.libc.fdatasync(fds[i]!));
  }

  /** Bytes of the slice from `offset`, or the error code. */
  read(partition: Partition, offset: number, maxBytes: number): Uint8Array | number {
    const slice = emptySlice();
    const error = this.reader.read(partition, offset, maxBytes, slice);
    if (error !== 0) return error;
    if (slice.size === 0) return new Uint8Array(0);
    const memory = this.libc.allocate(slice.size);
    const read = this.libc.pread(slice.file!.fd, memory, 0, slice.size, slice.position);
    assert.equal(read, slice.size, "the slice lies inside its file");
    return memory.bytes.slice(0, slice.size);
  }

  /** Everything visible, read as a consumer does it. */
  readAll(partition: Partition, maxBytes: number = 65536): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let offset = partition.logStart;
    while (offset < partition.visible.offset) {
      const bytes = this.read(partition, offset, maxBytes);
      assert.ok(typeof bytes !== "number", "the visible log is readable");
      assert.ok(bytes.length > 0, "a read below the visible end is not empty");
      pieces.push(bytes);
      offset = endOf(bytes);
    }
    return pieces;
  }

  /** The last step of a clean stop, and of this world. */
  close(partition: Partition): void {
    partition.close();
    this.end();
  }

  /** As if the process were gone: nothing is written any more. */
  end(): void {
    this.store.closeAll();
    this.libc.close(this.dataFd);
  }

  /** Names in the partition's directory, sorted. */
  names(suffix: string = ""): string[] {
    const names = readdirSync(join(this.root, this.directory)).sort();
    return names.filter((name) => name.endsWith(suffix));
  }

  path(name: string): string {
    return join(this.root, this.directory, name);
  }

  file(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  write(name: string, bytes: Uint8Array): void {
    rmSync(this.path(name), { force: true }); // truncating a file makes ext4 write it at once
    writeFileSync(this.path(name), bytes);
  }

  /** Changes a file that the log has open. */
  overwrite(name: string, bytes: Uint8Array): void {
    writeFileSync(this.path(name), bytes);
  }

  /** Every log file, by name. */
  logs(): Map<string, Uint8Array> {
    return new Map(this.names(".log").map((name) => [name, this.file(name)]));
  }
}

/** The offset after the last batch in `bytes`. */
export function endOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  let end = 0;
  while (position < bytes.length) {
    end = Number(view.getBigInt64(position)) + view.getInt32(position + 23) + 1;
    position += view.getInt32(position + 8) + 12;
  }
  return end;
}
