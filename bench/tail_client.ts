/**
 * A producer and a consumer at the tail of one partition, on two sockets of one thread, and how
 * long each record took from the one to the other.
 *
 *     send record | …server… | push or fetch reply arrives, its record is found: one latency
 *                 | …server… | acknowledgement arrives: the next record may be sent
 *
 * The consumer asks again as soon as a fetch is answered, or gives credit back, as a client would.
 * Both ways pay the same for this client, which sleeps in epoll and allocates nothing per record.
 *
 * Invariant: every record is received exactly once and in its order, or the run fails.
 */
import { libc } from "#ffi";
import {
  AF_INET,
  EAGAIN,
  EPOLL_CTL_ADD,
  EPOLLIN,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_STREAM,
  TCP_NODELAY,
} from "../ffi/constants.ts";
import type { Memory } from "../ffi/libc.ts";
import { readU64, writeU64 } from "../src/base/bytes.ts";
import { BatchBuilder } from "../src/client/batch_builder.ts";
import { batchLastOffset, batchSize } from "../src/format/batch.ts";
import { encodeBody } from "../src/native/codec.ts";
import {
  AddCreditAt,
  FetchAt,
  FetchReplyAt,
  FRAME_HEADER_SIZE,
  FrameAt,
  ProduceAt,
  writeFrameHeader,
} from "../src/native/frame.ts";
import { operation, type OperationName, type RequestOf } from "../src/native/operations.ts";
import type { Table, ValueOf } from "../src/native/table.ts";

export type Way = "push" | "fetch";

export interface TailShape {
  readonly port: number;
  readonly topic: string;
  readonly way: Way;
  /** Records sent and not yet acknowledged, at most. */
  readonly inFlight: number;
  readonly valueBytes: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Called when the window opens and when it closes. */
  readonly onWindow: () => void;
}

export interface TailFigures {
  readonly records: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

const BUFFER_SIZE = 8388608;
const MAX_BYTES = 1048576;
const MAX_WAIT_MS = 60000;
const CREDIT = 4194304;
const LATENCIES_MAX = 4194304;
/** Send times of the records that are on their way. */
const SENT_RING = 65536;
const WAIT_MS = 10000;

export function measureTail(shape: TailShape): TailFigures {
  return new Tail(shape).run();
}

class Tail {
  readonly #shape: TailShape;
  readonly #producer: Wire;
  readonly #consumer: Wire;
  readonly #produce: Memory;
  readonly #ask: Memory;
  readonly #sentMs: Float64Array = new Float64Array(SENT_RING);
  readonly #latencies: Float64Array = new Float64Array(LATENCIES_MAX);
  #sent = 0;
  #acknowledged = 0;
  /** Of the first record, and of the next one to be received. */
  #first = 0;
  #next = 0;
  #owed = 0;
  #count = 0;
  #measures = false;

  constructor(shape: TailShape) {
    this.#shape = shape;
    this.#producer = new Wire(shape.port);
    this.#consumer = new Wire(shape.port);
    this.#produce = produceFrame(shape.valueBytes);
    this.#ask = libc.allocate(64);
  }

  run(): TailFigures {
    const { topic, way, seconds, warmUpSeconds, onWindow } = this.#shape;
    for (const wire of [this.#producer, this.#consumer]) {
      wire.request("hello", { protocol: 1, clientName: "tail", token: "" });
      const at = wire.request("open_partition", { topic, partition: 0 });
      // handle u32, leaderEpoch u32, logStart u64, visibleEnd u64
      this.#first = readU64(wire.buffer.view, at + 16);
    }
    this.#next = this.#first;
    if (way === "fetch") this.#fetch();
    else {
      const values = { handle: 0, maxBytes: MAX_BYTES, credit: CREDIT, offset: this.#first };
      this.#consumer.request("subscribe", values);
    }
    this.#turnUntil(libc.monotonicMs() + 1000 * warmUpSeconds);
    onWindow();
    this.#measures = true;
    this.#turnUntil(libc.monotonicMs() + 1000 * seconds);
    this.#measures = false;
    onWindow();
    while (this.#next < this.#first + this.#sent) this.#turn();
    this.#producer.close();
    this.#consumer.close();
    const sorted = this.#latencies.subarray(0, this.#count).sort();
    const at = (share: number) => 1000 * sorted[Math.floor(share * (sorted.length - 1))]!;
    return { records: this.#count, p50Us: at(0.5), p99Us: at(0.99), maxUs: at(1) };
  }

  #turnUntil(endMs: number): void {
    while (libc.monotonicMs() < endMs) {
      while (this.#sent - this.#acknowledged < this.#shape.inFlight) this.#send();
      this.#turn();
    }
  }

  #send(): void {
    this.#sentMs[(this.#first + this.#sent) % SENT_RING] = libc.monotonicMs();
    this.#sent += 1;
    this.#producer.send(this.#produce, this.#produce.size);
  }

  #turn(): void {
    waitFor(this.#producer, this.#consumer);
    const { way } = this.#shape;
    while (this.#consumer.next()) this.#received(this.#consumer, way);
    while (this.#producer.next()) {
      if (this.#producer.code !== 0) throw new Error(`produce: error ${this.#producer.code}`);
      this.#acknowledged += 1;
    }
  }

  /** A fetch reply or a push: both hold log start, visible end and batches. */
  #received(wire: Wire, way: Way): void {
    const nowMs = libc.monotonicMs();
    if (wire.code !== 0) throw new Error(`${way}: error ${wire.code}`);
    const { view } = wire.buffer;
    const start = wire.bodyAt + FetchReplyAt.batches;
    for (let at = start; at < wire.frameEnd; at += batchSize(view, at)) {
      if (batchLastOffset(view, at) !== this.#next) throw new Error("a record is missing");
      if (this.#measures && this.#count < LATENCIES_MAX) {
        this.#latencies[this.#count] = nowMs - this.#sentMs[this.#next % SENT_RING]!;
        this.#count += 1;
      }
      this.#next += 1;
    }
    if (way === "fetch") this.#fetch();
    else this.#giveCredit(wire.frameEnd - start);
  }

  #fetch(): void {
    const { view } = this.#ask;
    const size = FRAME_HEADER_SIZE + FetchAt.size;
    const { code, version } = operation("fetch");
    writeFrameHeader(view, 0, size, code, version, 7);
    view.setUint32(FRAME_HEADER_SIZE + FetchAt.handle, 0);
    view.setUint32(FRAME_HEADER_SIZE + FetchAt.maxBytes, MAX_BYTES);
    view.setUint32(FRAME_HEADER_SIZE + FetchAt.minBytes, 1);
    view.setUint32(FRAME_HEADER_SIZE + FetchAt.maxWaitMs, MAX_WAIT_MS);
    writeU64(view, FRAME_HEADER_SIZE + FetchAt.offset, this.#next);
    this.#consumer.send(this.#ask, size);
  }

  #giveCredit(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < CREDIT / 4) return;
    const { view } = this.#ask;
    const size = FRAME_HEADER_SIZE + AddCreditAt.size;
    const { code, version } = operation("add_credit");
    writeFrameHeader(view, 0, size, code, version, 8);
    view.setUint32(FRAME_HEADER_SIZE + AddCreditAt.subscription, SETUP_CORRELATION);
    view.setUint32(FRAME_HEADER_SIZE + AddCreditAt.bytes, this.#owed);
    this.#owed = 0;
    this.#consumer.send(this.#ask, size);
  }
}

/** Of the requests before the window, and so the number of the subscription. */
const SETUP_CORRELATION = 5;

const epoll = libc.epollCreate(0);
const events = libc.epollEvents(4);

/** Sleeps until one of both has something to read, unless a frame is here already. */
function waitFor(one: Wire, other: Wire): void {
  if (one.hasFrame || other.hasFrame) return;
  const ready = libc.epollWait(epoll, events, WAIT_MS);
  if (ready === 0) throw new Error("the broker says nothing any more");
  one.receive();
  other.receive();
}

/** A socket that frames what it receives. */
class Wire {
  readonly buffer: Memory = libc.allocate(BUFFER_SIZE);
  /** Of the frame that `next` stands at. */
  code = 0;
  bodyAt = 0;
  frameEnd = 0;
  #at = 0;
  #received = 0;
  readonly #fd: number;

  constructor(port: number) {
    this.#fd = libc.socket(AF_INET, SOCK_STREAM, 0);
    const connected = libc.connect(this.#fd, { family: "inet", host: "127.0.0.1", port });
    if (connected < 0) throw new Error(`no connection to port ${port}`);
    libc.setsockopt(this.#fd, IPPROTO_TCP, TCP_NODELAY, 1);
    libc.epollCtl(epoll, EPOLL_CTL_ADD, this.#fd, EPOLLIN, this.#fd, 0);
  }

  send(memory: Memory, size: number): void {
    for (let at = 0; at < size;) {
      const sent = libc.send(this.#fd, memory, at, size - at, MSG_NOSIGNAL);
      if (sent < 0) throw new Error(`send: errno ${-sent}`);
      at += sent;
    }
  }

  /** Takes what has arrived. */
  receive(): void {
    if (this.#at === this.#received) this.#at = this.#received = 0;
    if (this.#at > BUFFER_SIZE / 2) {
      this.buffer.bytes.copyWithin(0, this.#at, this.#received);
      this.#received -= this.#at;
      this.#at = 0;
    }
    const room = BUFFER_SIZE - this.#received;
    const took = libc.recv(this.#fd, this.buffer, this.#received, room, MSG_DONTWAIT);
    if (took === 0) throw new Error("the broker has closed the connection");
    if (took < 0 && took !== -EAGAIN) throw new Error(`recv: errno ${-took}`);
    this.#received += Math.max(0, took);
  }

  get hasFrame(): boolean {
    const have = this.#received - this.#at;
    return have >= 4 && have >= this.buffer.view.getUint32(this.#at) + 4;
  }

  /** Moves to the next frame, when it is whole. */
  next(): boolean {
    if (!this.hasFrame) return false;
    const { view } = this.buffer;
    this.code = view.getUint16(this.#at + FrameAt.error);
    this.bodyAt = this.#at + FRAME_HEADER_SIZE;
    this.frameEnd = this.#at + view.getUint32(this.#at) + 4;
    this.#at = this.frameEnd;
    return true;
  }

  /** One request of the setup; returns where the body of its reply begins. */
  request<N extends OperationName>(name: N, values: RequestOf<N>): number {
    const row = operation(name);
    const frame = encodeBody(row.request as Table, values as ValueOf<Table>, FRAME_HEADER_SIZE);
    const memory = libc.allocate(frame.length);
    memory.bytes.set(frame);
    writeFrameHeader(memory.view, 0, frame.length, row.code, row.version, SETUP_CORRELATION);
    this.send(memory, frame.length);
    while (!this.hasFrame) {
      libc.epollWait(epoll, events, WAIT_MS);
      this.receive();
    }
    this.next();
    if (this.code !== 0) throw new Error(`${name}: error ${this.code}`);
    return this.bodyAt;
  }

  close(): void {
    libc.close(this.#fd);
  }
}

/** A produce of one record on handle 0: the broker stamps its own copy, so it is sent as it is. */
function produceFrame(valueBytes: number): Memory {
  const headroom = FRAME_HEADER_SIZE + ProduceAt.batch;
  const builder = new BatchBuilder(valueBytes + 200, headroom);
  builder.appendBytes(new Uint8Array(valueBytes).fill(120));
  builder.finish(1700000000000);
  const memory = libc.allocate(builder.end);
  memory.bytes.set(builder.block.bytes.subarray(0, builder.end));
  const { code, version } = operation("produce");
  writeFrameHeader(memory.view, 0, builder.end, code, version, 6);
  memory.view.setUint32(FRAME_HEADER_SIZE + ProduceAt.handle, 0);
  memory.view.setUint32(FRAME_HEADER_SIZE + ProduceAt.acks, 0);
  memory.view.setUint8(FRAME_HEADER_SIZE + ProduceAt.acks, 255);
  return memory;
}
