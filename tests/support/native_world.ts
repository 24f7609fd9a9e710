/**
 * The native door over a real broker, without sockets: bytes go in as a socket would give them,
 * in pieces of any size, and the replies come out as a client would see them.
 */
import type { SettingEntry } from "../../src/format/broker_settings.ts";
import { type ErrorCode, ErrorCodes } from "../../src/format/errors.ts";
import type { Memory } from "../../ffi/libc.ts";
import { Histogram } from "../../src/base/histogram.ts";
import { BlockPool } from "../../src/base/pool.ts";
import { Reply } from "../../src/base/reply.ts";
import { libc } from "#ffi";
import { Broker, type Door } from "../../src/broker/broker.ts";
import { completeFetches } from "../../src/broker/fetch.ts";
import { completeAppends, completeSync, flushAppended } from "../../src/broker/produce.ts";
import { pushBatches } from "../../src/broker/subscriptions.ts";
import { Topic } from "../../src/broker/topics.ts";
import { defaultTopicConfig, type TopicConfig } from "../../src/format/topic_config.ts";
import { openPartitions } from "../../src/log/open_partitions.ts";
import { PartitionKind, UNKNOWN } from "../../src/log/opened_log.ts";
import type { ControlRequestOf } from "../../src/native/control_operations.ts";
import { dispatchFrame, MUST_CLOSE, NEEDS_BYTES, PAUSED } from "../../src/native/dispatch.ts";
import { type NamedHistogram, NativeDoor, type Server } from "../../src/native/door.ts";
import type { ReplyOf, RequestOf } from "../../src/native/operations.ts";
import { Session } from "../../src/native/session.ts";
import { concat } from "./batches.ts";
import { hello } from "./frames.ts";
import { libcWithoutSyncs } from "./faulty_libc.ts";
import { LogWorld } from "./log_world.ts";

export interface WireReply {
  code: number;
  version: number;
  flags: number;
  correlation: number;
  body: Uint8Array;
}

/** Remembers what the door asked for. */
export class FakeServer implements Server {
  readonly nodeId = 3;
  readonly nodeEpoch = 4;
  readonly version = "sluice test";
  readonly created: { token: number; request: RequestOf<"create_topic"> }[] = [];
  readonly added: { request: ControlRequestOf<"add_topic">; asker: number[] }[] = [];
  readonly deleted: { token: number; name: string }[] = [];
  readonly altered: { token: number; request: RequestOf<"alter_topic"> }[] = [];
  readonly grown: { token: number; request: RequestOf<"add_partitions"> }[] = [];
  readonly configs: { token: number; request: RequestOf<"alter_config"> }[] = [];
  readonly applied: ControlRequestOf<"apply_config">[] = [];
  readonly closed: number[] = [];
  readonly changed: ControlRequestOf<"change_topic">[] = [];
  readonly removed: ControlRequestOf<"remove_topic">[] = [];
  readonly logStarts: ControlRequestOf<"log_start">[] = [];
  readonly stops: number[][] = [];
  readonly sends: Set<number> = new Set();
  readonly dispatches: Set<number> = new Set();
  producerIdsAsked = 0;
  diskRefusal: ErrorCode = ErrorCodes.none;

  address(): { host: string; port: number } {
    return { host: "10.0.0.1", port: 7400 };
  }

  queueSend(slot: number): void {
    this.sends.add(slot);
  }

  queueDispatch(slot: number): void {
    this.dispatches.add(slot);
  }

  createTopic(token: number, request: RequestOf<"create_topic">): void {
    this.created.push({ token, request });
  }

  addTopic(request: ControlRequestOf<"add_topic">, ...asker: number[]): void {
    this.added.push({ request, asker });
  }

  deleteTopic(token: number, name: string): void {
    this.deleted.push({ token, name });
  }

  alterTopic(token: number, request: RequestOf<"alter_topic">): void {
    this.altered.push({ token, request });
  }

  askForProducerIds(): void {
    this.producerIdsAsked += 1;
  }

  addPartitions(token: number, request: RequestOf<"add_partitions">): void {
    this.grown.push({ token, request });
  }

  alterConfig(token: number, request: RequestOf<"alter_config">): void {
    this.configs.push({ token, request });
  }

  applyConfig(request: ControlRequestOf<"apply_config">): void {
    this.applied.push(request);
  }

  settings(): SettingEntry[] {
    return [{ key: "num.partitions", value: "3", source: 1, changeable: 1, text: "How many." }];
  }

  connections(): ReplyOf<"connections">["connections"] {
    return [];
  }

  closeConnection(id: number): boolean {
    this.closed.push(id);
    return id === 7;
  }

  changeTopic(request: ControlRequestOf<"change_topic">): void {
    this.changed.push(request);
  }

  removeTopic(request: ControlRequestOf<"remove_topic">): void {
    this.removed.push(request);
  }

  logStart(request: ControlRequestOf<"log_start">): void {
    this.logStarts.push(request);
  }

  stop(slot: number, generation: number, correlation: number): void {
    this.stops.push([slot, generation, correlation]);
  }

  counters(): { name: string; value: number }[] {
    return [{ name: "turns_total", value: 12 }, { name: "connections", value: 2 }];
  }

  health(): ReplyOf<"health"> {
    const disk = { diskState: 1, diskFreeBytes: 5, diskTotalBytes: 10 };
    return { partitions: 3, degraded: 1, failed: 2, ...disk };
  }

  histograms(): NamedHistogram[] {
    const values = new Histogram();
    for (const value of [7, 7.25, 32]) values.record(value);
    const operation = "produce";
    return [
      { name: "turn_us", listener: "", operation: "", values },
      { name: "request_us", listener: "native", operation, values: new Histogram() },
    ];
  }
}

export class NativeWorld {
  readonly log: LogWorld = new LogWorld();
  readonly broker: Broker = new Broker(this.log.reader);
  readonly server: FakeServer = new FakeServer();
  readonly door: NativeDoor = new NativeDoor(this.broker, this.server);
  readonly pool: BlockPool<Memory> = new BlockPool(
    (size) => libc.allocate(size),
    16384,
    134217728,
    1048576,
  );
  #generation = 0;

  /** A topic whose partitions lie on the real disk. */
  addTopic(name: string, partitions: number, config: Partial<TopicConfig> = {}): Topic {
    const whole = { ...defaultTopicConfig(), ...config };
    const id = (0x23456789abcd + this.broker.topics.newest).toString(16);
    const topic = new Topic(name, `01234567-89ab-4cde-8f01-${id}`, whole, []);
    for (let index = 0; index < partitions; index += 1) {
      const directory = `${name}-${index}`;
      const options = {
        directory,
        config: whole,
        kind: PartitionKind.own,
        leaderEpoch: 4,
        clean: true,
        recoveryPoint: UNKNOWN,
        logStart: UNKNOWN,
        progress: () => {},
      };
      const [opened] = openPartitions(this.log.store, [options]);
      this.broker.topics.addPartition(topic, opened!.partition);
    }
    this.broker.topics.add(topic);
    return topic;
  }

  /** A session on a slot; `hello` is said unless it is not wanted. */
  connect(options: { slot?: number; control?: boolean; greet?: boolean } = {}): Client {
    const { slot = 8, control = false, greet = true } = options;
    this.#generation += 1;
    const reply = new Reply<Memory>(this.pool);
    const session = new Session(slot, this.#generation, reply, control);
    this.door.open(session);
    const client = new Client(this, session, reply);
    if (greet) client.feed(hello());
    return client;
  }

  /** What a shard does with a turn's requests, without a sync. */
  turn(): void {
    this.turnWith(this.door);
    pushBatches(this.broker, this.door);
    completeFetches(this.broker, this.door.nowMs, this.door);
    this.door.times.settle(this.door.nowMs);
  }

  /** The appends of a turn, answered at another door. */
  turnWith(door: Door): void {
    flushAppended(this.broker, this.door.nowMs);
    completeAppends(this.broker, door);
  }

  /** A turn, and every sync that it asks for. */
  settle(): void {
    this.turn();
    for (const partition of this.broker.unsynced.splice(0)) {
      partition.syncQueued = false;
      const fds: number[] = [];
      partition.log.beginSync(fds, false);
      for (const fd of fds) partition.log.endSync(libcWithoutSyncs.fdatasync(fd));
      completeSync(this.broker, partition, this.door);
    }
    pushBatches(this.broker, this.door);
    completeFetches(this.broker, this.door.nowMs, this.door);
  }

  end(): void {
    for (const { log, removed } of this.broker.topics.partitions) if (!removed) log.close();
    this.log.end();
  }
}

/** One client of the door. */
export class Client {
  readonly session: Session;
  closed = false;
  /** Frames wait for an answer before them. */
  paused = false;
  readonly #world: NativeWorld;
  readonly #reply: Reply<Memory>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(world: NativeWorld, session: Session, reply: Reply<Memory>) {
    this.#world = world;
    this.session = session;
    this.#reply = reply;
  }

  /** Bytes of a frame that is not whole. */
  get partialSize(): number {
    return this.#rest.length;
  }

  /** Gives bytes to the door, with nonsense behind them. Frames are executed as far as they may. */
  give(bytes: Uint8Array): void {
    const whole = concat([this.#rest, bytes]);
    const memory = libc.allocate(whole.length + 64);
    memory.bytes.fill(0xff);
    memory.bytes.set(whole);
    let at = 0;
    while (!this.closed) {
      const size = dispatchFrame(this.#world.door, this.session, memory, at, whole.length);
      this.closed = size === MUST_CLOSE;
      this.paused = size === PAUSED;
      if (this.paused || this.closed || size === NEEDS_BYTES) break;
      at += size;
    }
    this.#rest = whole.slice(at);
  }

  /** Gives bytes, lets the broker finish, and takes the replies; what was paused goes on. */
  feed(bytes: Uint8Array): WireReply[] {
    this.give(bytes);
    const replies: WireReply[] = [];
    for (let round = 0; round < 1000; round += 1) {
      this.#world.settle();
      const answered = this.replies();
      replies.push(...answered);
      if (!this.paused || answered.length === 0) return replies;
      this.give(new Uint8Array(0));
    }
    throw new Error("the session never comes to rest");
  }

  /** What there is to send, as bytes, slices read from their files. */
  sent(): Uint8Array {
    const reply = this.#reply;
    const pieces: Uint8Array[] = [];
    while (!reply.isEmpty) {
      if (reply.start < reply.memoryEnd) {
        pieces.push(reply.block!.bytes.slice(reply.start, reply.memoryEnd));
        reply.memorySent(reply.memoryEnd - reply.start);
        continue;
      }
      const size = reply.sliceSize;
      const memory = libc.allocate(size);
      const read = libc.pread(reply.sliceFd, memory, 0, size, reply.slicePosition);
      if (read !== size) throw new Error("a slice is shorter than its reply says");
      pieces.push(memory.bytes.slice(0, size));
      reply.sliceSent(size);
    }
    reply.settle();
    return concat(pieces);
  }

  replies(): WireReply[] {
    const bytes = this.sent();
    const view = new DataView(bytes.buffer);
    const replies: WireReply[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = view.getUint32(at) + 4;
      if (at + size > bytes.length) throw new Error("a reply is cut short");
      replies.push({
        code: view.getUint16(at + 4),
        version: view.getUint8(at + 6),
        flags: view.getUint8(at + 7),
        correlation: view.getUint32(at + 8),
        body: bytes.slice(at + 12, at + size),
      });
      at += size;
    }
    return replies;
  }

  close(): void {
    this.#world.door.close(this.session.slot);
    this.#reply.clear();
  }
}
