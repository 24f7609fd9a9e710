/**
 * One connection to a broker: TCP, or the Unix socket of a shard. Bun, Deno and Node.
 *
 *     connecting -> hello sent -> open -> closed (by us, by the broker, by an error)
 *
 * Requests go out in the order of the calls and are matched with replies by correlation. The cold
 * ones are encoded by the tables of the protocol (`request`); produce and fetch bring their own
 * bytes (`exchange`) and receive the reply's block, which they give back.
 *
 * What a subscription pushes goes to its `PushSink`, found by the same number.
 *
 * Invariant: every request is settled exactly once: by its reply, or by the error that ended the
 * connection.
 */

import type net from "node:net";
import type { ByteBlock } from "../base/bytes.ts";
import { FRAME_SIZE_MAX, FRAME_SIZE_MAX_BEFORE_HELLO } from "../limits.ts";
import { decodeBody, encodeBody } from "../native/codec.ts";
import { FRAME_HEADER_SIZE, FrameAt, PUSH_FLAG, writeFrameHeader } from "../native/frame.ts";
import {
  ERROR_REPLY,
  operation,
  PROTOCOL_VERSION,
  type ReplyOf,
  type RequestOf,
} from "../native/operations.ts";
import type { Operation, Table, ValueOf } from "../native/table.ts";
import { addressText, type BrokerAddress } from "./broker_address.ts";
import { BrokerError, ConnectionError, ProtocolError, reasonOf, SluiceError } from "./errors.ts";
import { FrameReader } from "./frame_reader.ts";
import { keepAlive } from "./keep_alive.ts";
import { lost, openSocket, silent } from "./open_socket.ts";
import { endSilent } from "./request_timeout.ts";

export { addressText, type BrokerAddress } from "./broker_address.ts";

export interface ConnectOptions {
  /** Shown to operators. */
  readonly clientName?: string | undefined;
  readonly token?: string | undefined;
  /** For connecting and hello together. */
  readonly timeoutMs?: number | undefined;
  /** A connection that is silent for so long pings, for brokers let go of idle ones. */
  readonly keepAliveMs?: number | undefined;
  /**
   * A connection whose oldest request has no answer for so long is ended. Default: never; a fetch
   * may be parked at the broker for longer.
   */
  readonly requestTimeoutMs?: number | undefined;
}

const SUBSCRIBE = operation("subscribe");
const CLIENT_NAME = "sluice-client";
const TIMEOUT_MS = 10000;

/** The body of a successful reply: [start, end) of a block that goes back by `giveBack`. */
export interface ReplyBody {
  readonly block: ByteBlock;
  readonly start: number;
  readonly end: number;
}

/** Who takes the pushes of a subscription. */
export interface PushSink {
  /** The block is the sink's, and goes back by `giveBack`. */
  pushed(body: ReplyBody): void;
  /** Nothing more comes: the broker has ended the subscription, or the connection is gone. */
  ended(error: SluiceError): void;
}

interface Pending {
  readonly sentMs: number;
  resolve(body: ReplyBody): void;
  reject(error: unknown): void;
}

export class Connection {
  /** For people: `127.0.0.1:7400`, or the path of the socket. */
  readonly address: string;
  /** Settles when the connection has ended, with why. */
  readonly ended: Promise<SluiceError>;
  readonly #socket: net.Socket;
  readonly #reader: FrameReader;
  readonly #pending: Map<number, Pending> = new Map();
  readonly #sinks: Map<number, PushSink> = new Map();
  #correlation = 0;
  #failure: SluiceError | null = null;
  #tellEnded: (error: SluiceError) => void = () => {};
  #hello: ReplyOf<"hello"> | null = null;
  /** Shared by all who wait for the socket's buffer to empty. */
  #drained: Promise<void> | null = null;
  #wakeDrained: (() => void) | null = null;

  private constructor(socket: net.Socket, address: string) {
    this.address = address;
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
    this.#socket = socket;
    this.#reader = new FrameReader(
      FRAME_SIZE_MAX_BEFORE_HELLO,
      (block, size) => this.#receive(block, size),
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#feed(chunk));
    socket.on("drain", () => this.#wakeDrained?.());
    socket.on("error", (error) => this.#end(lost(address, reasonOf(error))));
    socket.on("close", () => this.#end(lost(address, "the broker closed it")));
  }

  /** Connects and says hello. Throws ConnectionError, or BrokerError when the broker refuses. */
  static async connect(
    address: BrokerAddress,
    options: ConnectOptions = {},
  ): Promise<Connection> {
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const startedMs = performance.now();
    const socket = await openSocket(address, timeoutMs);
    const connection = new Connection(socket, addressText(address));
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startedMs));
    const timer = setTimeout(() => connection.#end(silent(connection.address, timeoutMs)), leftMs);
    try {
      await connection.#sayHello(options);
      keepAlive(connection, options.keepAliveMs);
      if (options.requestTimeoutMs !== undefined) endSilent(connection, options.requestTimeoutMs);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What the broker said at hello. */
  get broker(): ReplyOf<"hello"> {
    return this.#hello!;
  }

  /** Why the connection ended, or null while it is open. */
  get failure(): SluiceError | null {
    return this.#failure;
  }

  /** Grows with every request. */
  get asked(): number {
    return this.#correlation;
  }

  /** Requests that wait for a reply. */
  get outstanding(): number {
    return this.#pending.size;
  }

  /** When the oldest of them was sent, by `performance.now()`; Infinity without one. */
  get oldestMs(): number {
    for (const pending of this.#pending.values()) return pending.sentMs;
    return Infinity;
  }

  /** Whether the socket has more to send than it wants; `drained` tells when it has not. */
  get isCongested(): boolean {
    return this.#drained !== null;
  }

  /** One request and its reply, both by the operation's tables. */
  async request<const O extends Operation>(
    row: O,
    values: ValueOf<O["request"]>,
  ): Promise<ValueOf<O["reply"]>> {
    const frame = encodeBody(row.request, values, FRAME_HEADER_SIZE);
    const view = new DataView(frame.buffer);
    const body = await this.exchange(row, frame, view, 0, frame.length);
    try {
      return decodeReply(row, body) as ValueOf<O["reply"]>;
    } finally {
      this.giveBack(body.block);
    }
  }

  /**
   * Sends the frame in [start, end) of `bytes`, whose body is in place; the header is written here.
   * The bytes may be used again when the reply has come. The reply's block is the caller's.
   */
  exchange(
    row: Operation,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): Promise<ReplyBody> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const correlation = this.#nextCorrelation();
    writeFrameHeader(view, start, end - start, row.code, row.version, correlation);
    const reply = new Promise<ReplyBody>((resolve, reject) => {
      this.#pending.set(correlation, { sentMs: performance.now(), resolve, reject });
    });
    this.#write(bytes.subarray(start, end));
    return reply;
  }

  /** Sends a frame that has no reply (produce with acks 0). The bytes are free after `drained`. */
  tell(row: Operation, bytes: Uint8Array, view: DataView, start: number, end: number): void {
    if (this.#failure !== null) throw this.#failure;
    writeFrameHeader(view, start, end - start, row.code, row.version, this.#nextCorrelation());
    this.#write(bytes.subarray(start, end));
  }

  /**
   * Begins a subscription; its pushes go to `sink` until that hears of the end, or `release`.
   * Settles with the subscription's number when the broker has it. Throws BrokerError.
   */
  async subscribe(values: RequestOf<"subscribe">, sink: PushSink): Promise<number> {
    const reply = this.request(SUBSCRIBE, values);
    const number = this.#correlation; // of the request that has just been sent
    this.#sinks.set(number, sink); // pushes may be in the same bytes as the reply
    try {
      await reply;
      return number;
    } catch (error) {
      this.#sinks.delete(number);
      throw error;
    }
  }

  /** After unsubscribe was answered: no push of this number comes any more. */
  release(number: number): void {
    this.#sinks.delete(number);
  }

  /** Settles when the socket wants more. Await it between large requests: back-pressure. */
  drained(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return this.#drained ?? Promise.resolve();
  }

  giveBack(block: ByteBlock): void {
    this.#reader.giveBack(block);
  }

  /** Ends the connection; what is outstanding is rejected. */
  close(): void {
    const error = new ConnectionError(
      `the connection to ${this.address} was closed by this client`,
      "connection_closed",
      this.address,
    );
    this.#end(error);
  }

  /** Ends the connection because of what the caller found out about it. */
  abort(error: SluiceError): void {
    this.#end(error);
  }

  async #sayHello(options: ConnectOptions): Promise<void> {
    const hello = await this.request(operation("hello"), {
      protocol: PROTOCOL_VERSION,
      clientName: options.clientName ?? CLIENT_NAME,
      token: options.token ?? "",
    });
    if (hello.protocol !== PROTOCOL_VERSION) {
      throw new ProtocolError(
        `${this.address} speaks protocol version ${hello.protocol}, not ${PROTOCOL_VERSION}`,
      );
    }
    this.#hello = hello;
  }

  /** After 2^32 requests numbers come again; those of subscriptions are still in use. */
  #nextCorrelation(): number {
    do this.#correlation = (this.#correlation + 1) >>> 0; while (
      this.#sinks.has(this.#correlation)
    );
    return this.#correlation;
  }

  #write(bytes: Uint8Array): void {
    if (this.#socket.write(bytes) || this.#drained !== null) return;
    this.#drained = new Promise((resolve) => {
      this.#wakeDrained = () => {
        this.#drained = null;
        this.#wakeDrained = null;
        resolve();
      };
    });
  }

  #feed(chunk: Uint8Array): void {
    if (this.#failure !== null) return;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      this.#end(error instanceof SluiceError ? error : new ProtocolError(reasonOf(error)));
    }
  }

  #receive(block: ByteBlock, size: number): void {
    const code = block.view.getUint16(FrameAt.error);
    const correlation = block.view.getUint32(FrameAt.correlation);
    if ((block.view.getUint8(FrameAt.flags) & PUSH_FLAG) !== 0) {
      return this.#receivePush(block, size, code, correlation);
    }
    const pending = this.#pending.get(correlation);
    if (pending === undefined) return this.#receiveUnasked(block, size, code);
    this.#pending.delete(correlation);
    if (code === 0) {
      this.#reader.sizeMax = FRAME_SIZE_MAX; // the first reply without error is that of hello
      pending.resolve({ block, start: FRAME_HEADER_SIZE, end: size });
      return;
    }
    const error = decodeError(code, block, size);
    this.giveBack(block);
    pending.reject(error);
  }

  #receivePush(block: ByteBlock, size: number, code: number, correlation: number): void {
    const sink = this.#sinks.get(correlation);
    if (sink === undefined) {
      throw new ProtocolError(`${this.address} pushed to a subscription that there is not`);
    }
    if (code === 0) return sink.pushed({ block, start: FRAME_HEADER_SIZE, end: size });
    this.#sinks.delete(correlation);
    const error = decodeError(code, block, size);
    this.giveBack(block);
    sink.ended(error);
  }

  /** An error for no request of ours says why the broker is about to close. */
  #receiveUnasked(block: ByteBlock, size: number, code: number): void {
    if (code === 0) {
      throw new ProtocolError(`${this.address} answered a request that nobody sent`);
    }
    this.#end(decodeError(code, block, size));
  }

  #end(error: SluiceError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket.destroy();
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    for (const sink of this.#sinks.values()) sink.ended(error);
    this.#sinks.clear();
    this.#wakeDrained?.();
    this.#tellEnded(error);
  }
}

function decodeReply(row: Operation, body: ReplyBody): ValueOf<Table> {
  try {
    const values = decodeBody(row.reply, body.block.bytes, body.start, body.end);
    return ownBytes(values);
  } catch (error) {
    throw new ProtocolError(`the reply of ${row.name} is malformed: ${reasonOf(error)}`);
  }
}

/** The block goes back to the pool, so bytes that point into it are copied. */
function ownBytes(values: Record<string, unknown>): ValueOf<Table> {
  for (const [name, value] of Object.entries(values)) {
    if (value instanceof Uint8Array) values[name] = value.slice();
  }
  return values as ValueOf<Table>;
}

function decodeError(code: number, block: ByteBlock, size: number): BrokerError {
  if (size === FRAME_HEADER_SIZE) return new BrokerError(code);
  try {
    const { message } = decodeBody(ERROR_REPLY, block.bytes, FRAME_HEADER_SIZE, size);
    return new BrokerError(code, message);
  } catch {
    return new BrokerError(code);
  }
}
