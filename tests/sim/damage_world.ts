/**
 * A small data directory that is damaged in one place and started again, thousands of times: the
 * files are kept as bytes, and each start gets a simulated disk that holds a copy of them.
 *
 *     orders-0    | A: offsets 0-1 | B: 2-4 | C: 5-6 |      one segment of three batches
 *
 * What a consumer takes for right is decided here as a client decides it: by length, magic and
 * checksum. Base offset and epoch lie outside of the checksum.
 */
import assert from "node:assert/strict";
import { AT_FDCWD } from "../../ffi/constants.ts";
import type { Memory } from "../../ffi/libc.ts";
import { emptySlice, type FileSlice } from "../../src/base/file_slice.ts";
import type { TopicConfig } from "../../src/format/topic_config.ts";
import { defaultTopicConfig } from "../../src/format/topic_config.ts";
import { DataDirectory } from "../../src/log/data_directory.ts";
import { must, openDirectory } from "../../src/log/files.ts";
import { Keeper } from "../../src/log/keeper.ts";
import { openPartitions } from "../../src/log/open_partitions.ts";
import { PartitionKind, type RecoveryReport } from "../../src/log/opened_log.ts";
import type { Partition } from "../../src/log/partition.ts";
import { PartitionReader } from "../../src/log/read.ts";
import { LogPoint, Segment } from "../../src/log/segment.ts";
import { SegmentStore } from "../../src/log/segment_store.ts";
import { Walk } from "../../src/log/walk.ts";
import { At, crc32c, encodeAttempt } from "./attempt_bytes.ts";
import { bytesOf } from "./disk_view.ts";
import { SimFile } from "./sim_file.ts";
import { SimLibc } from "./sim_libc.ts";
import { LargeBlocks } from "./sim_memory.ts";
import { SimDirectory } from "./sim_tree.ts";

export const DATA = "/data";
export const TOPIC = "orders";
export const PARTITION = "orders-0";
export const LOG: string = `${PARTITION}/00000000000000000000.log`;
/** Shorter than a batch and no multiple of anything, so that a scan meets the ends of blocks. */
const SCAN_BLOCK_SIZE = 700;
const BLOCK_SIZE = 65536;

/** Paths below the data directory; a directory that is empty has none. */
export type Files = ReadonlyMap<string, Uint8Array>;

export interface PlacedBatch {
  /** As stored: offset and epoch stamped. */
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly base: number;
  /** Offset after it. */
  readonly end: number;
  readonly sequence: number;
}

const RECORDS = [2, 3, 2, 1];
const SIZES = [331, 347, 338, 200];
/** The second one holds the highest timestamp: the time index says so, and lookups depend on it. */
const TIMES = [1000, 3000, 2000, 4000];
export const EPOCHS: readonly number[] = [0, 3, 3, 3];
export const PRODUCER = 7;

/** The batches of the log as they are stored. The last one is in a segment of its own, if any. */
export const BATCHES: readonly PlacedBatch[] = place();

function place(): PlacedBatch[] {
  let position = 0;
  let base = 0;
  return RECORDS.map((records, i) => {
    const bytes = encodeAttempt({
      attempt: i + 1,
      size: SIZES[i]!,
      records,
      timestamp: TIMES[i]!,
      producerId: PRODUCER,
      producerEpoch: 2,
      sequence: base,
    });
    const view = new DataView(bytes.buffer);
    view.setUint32(At.baseOffset + 4, base);
    view.setInt32(At.epoch, EPOCHS[i]!);
    const placed = { bytes, position, base, end: base + records, sequence: base };
    position += bytes.length;
    base += records;
    return placed;
  });
}

const blocks = new LargeBlocks();

/** One process over a copy of the files. */
export class DamageWorld {
  readonly libc: SimLibc;
  readonly #slice: FileSlice = emptySlice();
  #memory: Memory | null = null;

  constructor(files: Files) {
    this.libc = new SimLibc({ seed: 1, largeBlocks: blocks });
    const { root } = this.libc.disk;
    const data = this.#directory(root, DATA.slice(1));
    for (const [path, bytes] of files) {
      const parts = path.split("/");
      const name = parts.pop()!;
      const [folder] = parts;
      const parent = folder === undefined ? data : this.#directory(data, folder);
      const file = this.libc.disk.newFile(0o640);
      if (bytes.length > 0) file.write(bytes, 0, bytes.length, 0);
      file.syncAll();
      parent.entries.set(name, file);
      parent.durable.set(name, file);
    }
  }

  /** What lies on the disk now. */
  files(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const data = this.libc.disk.root.entries.get(DATA.slice(1)) as SimDirectory;
    const collect = (directory: SimDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries) {
        if (node instanceof SimDirectory) collect(node, `${prefix}${name}/`);
        else if (node instanceof SimFile) found.set(prefix + name, bytesOf(node));
      }
    };
    collect(data, "");
    return found;
  }

  /** Opens the partition as a shard does that was told these points. */
  open(how: OpenHow): Opened {
    const dataFd = must(openDirectory(this.libc, AT_FDCWD, DATA), "open the data directory");
    return this.#openIn(dataFd, how);
  }

  /** A whole start: catalogue, keeper, partition. */
  start(): Opened & { keeper: Keeper; directory: DataDirectory } {
    const directory = DataDirectory.open(this.libc, DATA, true);
    const keeper = new Keeper(directory, this.libc);
    keeper.reconcile();
    const opened = this.#openIn(directory.fd, {
      clean: directory.clean,
      recoveryPoint: keeper.recoveryPoint(TOPIC, 0),
      logStart: keeper.logStart(TOPIC, 0),
      leaderEpoch: Math.max(directory.catalogue.nodeEpoch, EPOCHS[EPOCHS.length - 1]!),
    });
    return { ...opened, keeper, directory };
  }

  /** What a read at `offset` gives: an error code, or the bytes. */
  read({ partition, reader }: Opened, offset: number, maxBytes: number): Uint8Array | number {
    const slice = this.#slice;
    const error = reader.read(partition, offset, maxBytes, slice);
    if (error !== 0) return error;
    if (slice.size === 0) return new Uint8Array(0);
    this.#memory ??= this.libc.allocate(BLOCK_SIZE);
    const { fd } = slice.file!;
    const read = this.libc.pread(fd, this.#memory, 0, slice.size, slice.position);
    assert.equal(read, slice.size, "the slice lies inside its file");
    return this.#memory.bytes.slice(0, read);
  }

  /** The process is gone. */
  end(): void {
    this.libc.die();
  }

  #openIn(dataFd: number, how: OpenHow): Opened {
    const close = (fd: number) => void this.libc.close(fd);
    const store = new SegmentStore(this.libc, dataFd, close, { scanBlockSize: SCAN_BLOCK_SIZE });
    const [opened] = openPartitions(store, [{
      directory: PARTITION,
      config: { ...defaultTopicConfig(), ...how.config },
      kind: how.kind ?? PartitionKind.own,
      clean: how.clean,
      leaderEpoch: how.leaderEpoch ?? EPOCHS[EPOCHS.length - 1]!,
      recoveryPoint: how.recoveryPoint,
      logStart: how.logStart ?? -1,
      progress: () => {},
    }]);
    const nowhere = new LogPoint(new Segment(0, 0, null), 0, 0);
    const reader = new PartitionReader(new Walk(store), nowhere);
    return { ...opened!, reader, store };
  }

  #directory(parent: SimDirectory, name: string): SimDirectory {
    const known = parent.entries.get(name);
    if (known instanceof SimDirectory) return known;
    const made = this.libc.disk.newDirectory(0o750, parent);
    parent.entries.set(name, made);
    parent.durable.set(name, made);
    return made;
  }
}

export interface OpenHow {
  readonly clean: boolean;
  readonly recoveryPoint: number;
  readonly logStart?: number;
  readonly leaderEpoch?: number;
  readonly kind?: PartitionKind;
  readonly config?: Partial<TopicConfig>;
}

export interface Opened {
  readonly partition: Partition;
  readonly reader: PartitionReader;
  readonly store: SegmentStore;
  readonly report: RecoveryReport;
}

/** Stages `batch` (one of BATCHES, or another) as it was sent. */
export function stage({ partition }: Opened, libc: SimLibc, batch: Uint8Array): number {
  const memory = libc.allocate(batch.length);
  memory.bytes.set(batch);
  return partition.stage(memory, 0, batch.length);
}

export function syncAll({ partition }: Opened, libc: SimLibc): void {
  const fds: number[] = [];
  while (!partition.isSynced) {
    const count = partition.beginSync(fds, true);
    for (let i = 0; i < count; i += 1) partition.endSync(libc.fdatasync(fds[i]!));
  }
}

/** The batches in `bytes` that a client takes for right, with the offset they claim. */
export function* accepted(bytes: Uint8Array): Generator<{ base: number; bytes: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (bytes.length - at >= At.count + 4) {
    const size = view.getInt32(at + At.length) + At.epoch;
    if (size < At.count + 4 || size > bytes.length - at) return;
    if (view.getInt8(at + At.magic) !== 2) return;
    if (crc32c(bytes, at + At.attributes, at + size) !== view.getUint32(at + At.crc)) return;
    const base = view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
    yield { base, bytes: bytes.subarray(at, at + size) };
    at += size;
  }
}

/** Whether both are the same batch but for offset and epoch. */
export function sameRecords(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = At.length; i < one.length; i += 1) {
    if (one[i] !== other[i] && (i < At.epoch || i >= At.magic)) return false;
  }
  return true;
}

export interface Shape {
  readonly name: string;
  readonly files: Files;
  readonly clean: boolean;
  /** How many batches lie below the recovery point. */
  readonly known: number;
  /** Batches of the segment that is damaged, and of the whole log. */
  readonly damagedBatches: number;
  readonly batches: number;
}

/** A log of three batches as a kill or a clean stop leaves it, a checkpoint after some of them. */
export function prepare(
  name: string,
  known: number,
  how: { clean?: boolean; sealed?: boolean },
): Shape {
  const { clean = false, sealed = false } = how;
  const world = new DamageWorld(new Map());
  const { libc } = world;
  const directory = DataDirectory.open(libc, DATA, true);
  const keeper = new Keeper(directory, libc);
  keeper.beginCreate({ name: TOPIC, partitions: 1, config: [] });
  keeper.finishCreate(TOPIC);
  const { topicId } = keeper.topics[0]!;
  const opened = world.open({ clean: true, recoveryPoint: -1, leaderEpoch: 0 });
  const { partition, store } = opened;
  const checkpoint = () => {
    const { recoveryPoint, logStart } = partition;
    keeper.checkpoint([{ topic: TOPIC, topicId, partition: 0, recoveryPoint, logStart }]);
  };
  const count = sealed ? 4 : 3;
  for (let i = 0; i < count; i += 1) {
    if (i === 3) assert.equal(partition.roll(), 0);
    // As with index.interval.bytes=0: every batch but the first gets its entry.
    if (i > 0 && i < 3) partition.active.index!.truncate(partition.active.size);
    const memory = libc.allocate(BATCHES[i]!.bytes.length);
    memory.bytes.set(BATCHES[i]!.bytes);
    assert.equal(partition.stageVerbatim(memory, 0, memory.size), BATCHES[i]!.base);
    assert.equal(partition.flush(), 0);
    syncAll(opened, libc);
    if (i + 1 !== known || clean) continue;
    assert.equal(partition.beginCheckpoint(), true);
    assert.equal(partition.finishCheckpoint(), 0);
    syncAll(opened, libc);
    checkpoint();
  }
  if (clean) {
    partition.close();
    store.closeAll();
    checkpoint();
    directory.closeClean();
  }
  const files = world.files();
  return { name, files, clean, known, damagedBatches: 3, batches: count };
}

/** When each record of the batch was made. */
export function timestampsOf({ bytes, base, end }: PlacedBatch): number[] {
  const view = new DataView(bytes.buffer);
  const first = view.getUint32(At.baseTimestamp + 4);
  return Array.from({ length: end - base }, (_, i) => first + i);
}
