/**
 * Node: one shard put together: poller, listeners, connections, the broker and its doors.
 * `turn.ts` runs it; this file only builds it and holds what a turn works on.
 *
 *     slots   0 native listener   1 control listener   2 syncs   3 background   8 … connections
 *
 * Invariant: a connection is freed only where no staged batch can lie in its buffer: before this
 * turn's dispatch or after its writes.
 */

import type { Libc, Memory } from "../../ffi/libc.ts";
import { openFastMemory } from "../base/crc32c_simd.ts";
import type { JobRing } from "../base/job_ring.ts";
import { Deadlines } from "../base/deadlines.ts";
import { BlockPool } from "../base/pool.ts";
import { Broker } from "../broker/broker.ts";
import { OFFSETS_TOPIC_TOKEN } from "../broker/group_offsets.ts";
import { OFFSETS_TOPIC } from "../format/internal_topics.ts";
import { Caretaker } from "../broker/caretaker.ts";
import { ColdReads } from "../broker/cold_reads.ts";
import type { SettingEntry } from "../format/broker_settings.ts";
import { must, openDirectory } from "../log/files.ts";
import { LogPoint, Segment } from "../log/segment.ts";
import { PartitionReader } from "../log/read.ts";
import { Residency } from "../log/residency.ts";
import { SegmentStore } from "../log/segment_store.ts";
import { Walk } from "../log/walk.ts";
import { gainsByWritingAhead } from "../log/written_ahead.ts";
import {
  BLOCK_SIZE_MAX,
  BLOCK_SIZE_MIN,
  FAST_BLOCK_SIZE_MAX,
  FAST_MEMORY_SIZE,
  OFFSETS_BATCH_SIZE_MAX,
  OFFSETS_PARTITIONS,
  OFFSETS_SEGMENT_BYTES,
  RECEIVE_SIZE,
  STALL_MS,
  WRITTEN_AHEAD_BYTES,
} from "../limits.ts";
import { NativeDoor } from "../native/door.ts";
import type { Connection } from "../net/connection.ts";
import { type Listener, listenTcp, listenUnix } from "../net/listener.ts";
import { Poller } from "../net/poller.ts";
import { ReceiveBudget } from "../net/receive_budget.ts";
import { Reserve } from "../net/reserve.ts";
import type { SendCounters } from "../net/send_queue.ts";
import type { AddedTopic } from "./add_topics.ts";
import { applySettings } from "./apply_settings.ts";
import { Background } from "./background.ts";
import { type ConnectionCounters, newConnectionCounters } from "./connection_counters.ts";
import { Collector } from "./garbage.ts";
import { LoopLag } from "./loop_lag.ts";
import { ProcessCounters } from "./process_counters.ts";
import type { ShardMessage, ShardStart } from "./messages.ts";
import { ShardServer } from "./shard_server.ts";
import { Syncer, type SyncOptions } from "./sync.ts";

export const Slot = { native: 0, control: 1, syncs: 2, background: 3, connections: 8 } as const;

/** `__consumer_offsets`, with Kafka's settings: it is compacted and never expires. */
const OFFSETS_TOPIC_WANTED: ShardMessage = {
  kind: "create_topic",
  token: OFFSETS_TOPIC_TOKEN,
  topic: {
    name: OFFSETS_TOPIC,
    topicId: "",
    partitions: OFFSETS_PARTITIONS,
    config: [
      { key: "cleanup.policy", value: "compact" },
      { key: "segment.bytes", value: String(OFFSETS_SEGMENT_BYTES) },
      { key: "max.message.bytes", value: String(OFFSETS_BATCH_SIZE_MAX) },
    ],
  },
};

/** Free blocks kept for the next frames and replies. */
const POOL_KEEP_BYTES = 67108864;

export interface NodeCounters {
  turns: number;
  /** Calls of recv. */
  receives: number;
  receivedBytes: number;
  /** How often producers had to wait because too much was not synced. */
  producerHolds: number;
  /** How often they had to wait because all logs together were too large. */
  roomHolds: number;
}

export class Node {
  readonly libc: Libc;
  readonly start: ShardStart;
  readonly post: (message: ShardMessage) => void;
  readonly poller: Poller;
  readonly receivePool: BlockPool<Memory>;
  readonly replyPool: BlockPool<Memory>;
  readonly store: SegmentStore;
  readonly broker: Broker;
  readonly syncer: Syncer;
  readonly caretaker: Caretaker;
  readonly background: Background;
  /** Counts also where the guard is off: then sending may wait for the disk. */
  readonly coldReads: ColdReads;
  readonly collector: Collector = new Collector();
  readonly loopLag: LoopLag;
  readonly processCounters: ProcessCounters;
  readonly door: NativeDoor;
  readonly listeners: Listener[] = [];
  /** By slot, from Slot.connections on. */
  readonly connections: Connection[] = [];
  readonly freeSlots: number[] = [];
  /** Connections whose frames are looked at in this turn, and those that have something to send. */
  readonly toDispatch: Connection[] = [];
  readonly toSend: Connection[] = [];
  /** Open connections by the earliest of their deadlines. */
  readonly deadlines: Deadlines<Connection> = new Deadlines();
  readonly receiveBudget: ReceiveBudget;
  readonly reserve: Reserve;
  nextConnectionId = 1;
  /** Ids of connections that an operator wants closed, at the end of the turn. */
  readonly toClose: Set<number> = new Set();
  /** As describe_config gives them. */
  settings: readonly SettingEntry[] = [];
  /** Open connections by address, where that is limited. */
  readonly perAddress: Map<string, number> = new Map();
  readonly counters: NodeCounters = {
    turns: 0,
    receives: 0,
    receivedBytes: 0,
    producerHolds: 0,
    roomHolds: 0,
  };
  readonly connectionCounters: ConnectionCounters = newConnectionCounters();
  readonly sendCounters: SendCounters = { sends: 0, sendfiles: 0, memoryBytes: 0, fileBytes: 0 };
  nowMs = 0;
  /** The clock of deadlines: the monotonic one without what kept the loop from running. */
  loopMs = 0;
  /** When listeners that rest are asked again. */
  acceptAgainMs: number = Infinity;
  openConnections = 0;
  /** Those of them that came through the native listener. */
  clients = 0;
  /** Set by the control operation stop; then no new work is taken. */
  stopping: { slot: number; generation: number; correlation: number; deadlineMs: number } | null =
    null;
  /** Being opened, the first of them now. */
  readonly addedTopics: AddedTopic[] = [];
  running = true;

  constructor(
    libc: Libc,
    start: ShardStart,
    jobs: JobRing,
    post: (message: ShardMessage) => void,
  ) {
    this.libc = libc;
    this.start = start;
    this.post = post;
    this.poller = new Poller(libc);
    const allocate = (size: number) => libc.allocate(size);
    const allocateFast = (size: number) => allocateReceive(libc, size);
    this.receivePool = new BlockPool(allocateFast, BLOCK_SIZE_MIN, BLOCK_SIZE_MAX, POOL_KEEP_BYTES);
    this.replyPool = new BlockPool(allocate, BLOCK_SIZE_MIN, BLOCK_SIZE_MAX, POOL_KEEP_BYTES);
    this.receiveBudget = new ReceiveBudget(
      this.receivePool,
      start.connections.receiveBudgetBytes,
    );
    this.reserve = new Reserve(libc);
    this.background = new Background(libc, jobs, () => post({ kind: "background" }));
    this.loopLag = new LoopLag(libc);
    this.processCounters = new ProcessCounters(libc);
    this.store = new SegmentStore(libc, start.dataFd, (fd) => this.background.close(fd), {
      writtenAheadBytes: this.#writesAhead() ? WRITTEN_AHEAD_BYTES : 0,
      fileJobs: this.background,
    });
    const nowhere = new LogPoint(new Segment(0, 0, null), 0, 0);
    const { guard, method, inFlightBytes } = start.coldReads;
    const residency = new Residency(libc, method);
    this.coldReads = new ColdReads(residency, this.background, inFlightBytes, guard);
    this.background.coldReads = this.coldReads;
    this.broker = new Broker(new PartitionReader(new Walk(this.store), nowhere), this.coldReads);
    this.broker.offsets.askForTopic = () => post(OFFSETS_TOPIC_WANTED);
    this.syncer = new Syncer(libc, this.broker, this.#syncOptions());
    this.caretaker = new Caretaker(this.broker, this.store);
    for (const wake of this.syncer.wakes) this.poller.addOwn(wake.fd, Slot.syncs);
    this.poller.addOwn(this.background.wake.fd, Slot.background);
    this.door = new NativeDoor(this.broker, new ShardServer(this));
    this.nowMs = libc.monotonicMs();
    this.readClocks(0);
    applySettings(this, start.settings);
  }

  /**
   * The clocks of the turn, after it waited for at most `waitMs` (-1: for ever); nothing else asks
   * the system.
   */
  readClocks(waitMs: number): void {
    const beforeMs = this.nowMs;
    this.nowMs = this.libc.monotonicMs();
    const passedMs = this.nowMs - beforeMs;
    const allowedMs = waitMs < 0 ? Infinity : waitMs + STALL_MS;
    this.loopMs += Math.min(passedMs, allowedMs);
    if (passedMs > allowedMs) this.connectionCounters.stalls += 1;
    this.store.wallMs = this.libc.wallMs();
    this.door.nowMs = this.nowMs;
    this.broker.nowMs = this.nowMs;
    this.coldReads.nowMs = this.nowMs;
  }

  /** Opens both listeners. Throws ListenError. */
  listen(): void {
    const { native, socketPath } = this.start;
    this.listeners[Slot.native] = listenTcp(this.libc, native.host, native.port);
    this.listeners[Slot.control] = listenUnix(this.libc, socketPath);
    this.poller.addOwn(this.listeners[Slot.native]!.fd, Slot.native);
    this.poller.addOwn(this.listeners[Slot.control]!.fd, Slot.control);
  }

  /** The data directory is opened here for `syncfs`: before anything is written. */
  #writesAhead(): boolean {
    return this.start.sync.writeAhead && gainsByWritingAhead(this.libc, this.start.dataFd);
  }

  #syncOptions(): SyncOptions {
    const { dataFd, sync } = this.start;
    const { method, rings, waitShare, fileSystem, fileSystemFilesMin } = sync;
    const fileSystemFd = fileSystem
      ? must(openDirectory(this.libc, dataFd, "."), "open the data directory")
      : -1;
    return { method, rings, waitShare, fileSystemFd, fileSystemFilesMin };
  }

  /** The bound address of the native listener. */
  nativeAddress(): { host: string; port: number } {
    const address = this.listeners[Slot.native]!.address;
    const port = address.family === "unix" ? 0 : address.port;
    return { host: this.start.native.host, port };
  }

  connectionAt(slot: number): Connection | undefined {
    return this.connections[slot - Slot.connections];
  }

  queueSend(connection: Connection): void {
    if (connection.sendQueued) return;
    connection.sendQueued = true;
    this.toSend.push(connection);
  }

  queueDispatch(connection: Connection): void {
    if (connection.dispatchQueued) return;
    connection.dispatchQueued = true;
    this.toDispatch.push(connection);
  }
}

/** In fast memory while there is room: what is produced is checksummed where it was received. */
function allocateReceive(libc: Libc, size: number): Memory {
  const isUsual = size >= RECEIVE_SIZE && size <= FAST_BLOCK_SIZE_MAX; // small ones are of the slow
  const fast = isUsual ? openFastMemory(FAST_MEMORY_SIZE) : null;
  const bytes = fast === null ? null : fast.take(size);
  return bytes === null ? libc.allocate(size) : libc.adopt(bytes);
}
