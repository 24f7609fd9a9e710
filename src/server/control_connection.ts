/**
 * The main thread's way to its shard: control operations of the native protocol over the shard's
 * Unix socket, like any client; but nobody pings here, for the shard has patience without end with
 * its main thread. Not the client library: what it offers besides costs the start.
 *
 *     socket -> hello -> open -> requests, replies by correlation -> ended
 *
 * Invariant: every request is settled exactly once: by its reply, or by what ended the connection.
 */

import { type ByteBlock, heapBlock } from "../base/bytes.ts";
import { describeError } from "../format/errors.ts";
import { FRAME_SIZE_MAX } from "../limits.ts";
import { decodeBody, encodeBody } from "../native/codec.ts";
import {
  FRAME_HEADER_SIZE,
  FRAME_UNKNOWN,
  FrameAt,
  frameSize,
  writeFrameHeader,
} from "../native/frame.ts";
import { ERROR_REPLY, operation, PROTOCOL_VERSION } from "../native/operations.ts";
import type { Operation, ValueOf } from "../native/table.ts";
import type { UnixSocket } from "./unix_socket.ts";

const CLIENT_NAME = "sluice-main";
const BLOCK_SIZE = 4096;

/** The shard answered with an error. */
export class ControlRefused extends Error {
  override name = "ControlRefused";
}

interface Pending {
  readonly row: Operation;
  resolve(values: unknown): void;
  reject(error: Error): void;
}

export class ControlConnection {
  /** Settles when the connection has ended, with why. */
  readonly ended: Promise<Error>;
  readonly #pending: Map<number, Pending> = new Map();
  #tellEnded: (error: Error) => void = () => {};
  #failure: Error | null = null;
  readonly #socket: UnixSocket;
  #correlation = 0;
  /** What has come and is not yet a whole frame: [0, #received) of #block. */
  #block: ByteBlock = heapBlock(BLOCK_SIZE);
  #received = 0;

  private constructor(socket: UnixSocket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
  }

  /** Says hello. Throws what ended the connection. */
  static async over(socket: UnixSocket): Promise<ControlConnection> {
    const connection = new ControlConnection(socket);
    socket.listen({
      received: (bytes) => connection.#receive(bytes),
      ended: (reason) => connection.#end(lost(socket.path, reason)),
    });
    const hello = { protocol: PROTOCOL_VERSION, clientName: CLIENT_NAME, token: "" };
    await connection.request(operation("hello"), hello);
    return connection;
  }

  /** One request and its reply. Throws ControlRefused, or what ended the connection. */
  request<const O extends Operation>(
    row: O,
    values: ValueOf<O["request"]>,
  ): Promise<ValueOf<O["reply"]>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const frame = encodeBody(row.request, values, FRAME_HEADER_SIZE);
    const view = new DataView(frame.buffer);
    this.#correlation = (this.#correlation + 1) >>> 0;
    writeFrameHeader(view, 0, frame.length, row.code, row.version, this.#correlation);
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(this.#correlation, { row, resolve, reject });
    });
    this.#socket.write(frame);
    return reply as Promise<ValueOf<O["reply"]>>;
  }

  /** What is outstanding is rejected. */
  close(): void {
    this.#end(new Error("the shard's connection was closed"));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#failure !== null) return;
    const end = this.#received + bytes.length;
    if (end > this.#block.size) {
      const larger = heapBlock(Math.max(end, 2 * this.#block.size));
      larger.bytes.set(this.#block.bytes.subarray(0, this.#received));
      this.#block = larger;
    }
    this.#block.bytes.set(bytes, this.#received);
    this.#received = end;
    let at = 0;
    for (;;) {
      const size = frameSize(this.#block, at, end, FRAME_SIZE_MAX);
      if (size < 0) return this.#end(new Error("the shard sent what is no frame"));
      if (size === FRAME_UNKNOWN || at + size > end) break;
      this.#take(at, at + size);
      at += size;
    }
    this.#block.bytes.copyWithin(0, at, end);
    this.#received = end - at;
  }

  #take(start: number, end: number): void {
    const { bytes, view } = this.#block;
    const correlation = view.getUint32(start + FrameAt.correlation);
    const code = view.getUint16(start + FrameAt.error);
    const pending = this.#pending.get(correlation);
    this.#pending.delete(correlation);
    const body = start + FRAME_HEADER_SIZE;
    if (code === 0) {
      pending?.resolve(decodeBody(pending.row.reply, bytes, body, end));
      return;
    }
    const detail = body === end ? "" : decodeBody(ERROR_REPLY, bytes, body, end).message;
    const { text } = describeError(code);
    const error = new ControlRefused(detail === "" ? text : `${text} ${detail}`);
    if (pending === undefined) this.#end(error); // why the shard is about to close
    else pending.reject(error);
  }

  #end(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket.close();
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#tellEnded(error);
  }
}

function lost(path: string, reason: string): Error {
  return new Error(`the connection to ${path} was lost: ${reason}`);
}
