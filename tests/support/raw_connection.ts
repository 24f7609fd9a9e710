/**
 * A connection that sends whatever bytes a test likes and shows what comes back, frame by frame.
 * It shares nothing with src/client.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { decodeBody } from "../../src/native/codec.ts";
import {
  ERROR_REPLY,
  operation,
  type OperationName,
  type ReplyOf,
  type RequestOf,
} from "../../src/native/operations.ts";
import type { Table } from "../../src/native/table.ts";
import { FRAME_HEADER, hello, request } from "./frames.ts";
import { within } from "./until.ts";

/** One reply; `code` is the error, 0 for none. */
export interface Reply {
  code: number;
  version: number;
  flags: number;
  correlation: number;
  /** All of the frame. */
  bytes: Uint8Array;
  body: Uint8Array;
}

export class RawConnection {
  readonly #socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};
  #correlation = 1000;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    const over = () => {
      this.#ended = true;
      this.#wake();
    };
    // A reset is one way to say that it is over.
    socket.on("error", over).on("end", over).on("close", over);
  }

  static connect(port: number): Promise<RawConnection> {
    const connecting = new Promise<RawConnection>((resolve, reject) => {
      const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawConnection(socket));
      });
    });
    return within(`a connection to port ${port}`, connecting);
  }

  /** Connected, and hello said. */
  static async open(port: number): Promise<RawConnection> {
    const connection = await RawConnection.connect(port);
    await connection.send(hello());
    const reply = await connection.reply();
    assert.equal(reply.code, 0, "hello is answered without an error");
    return connection;
  }

  /** Settles when the kernel has the bytes, or the connection is over. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** The next reply; null when the connection ended before it. */
  async replyOrEnd(): Promise<Reply | null> {
    const whole = () => {
      const have = this.#received.length;
      return have >= 4 && have >= this.#received.readUInt32BE(0) + 4;
    };
    await this.#until("a reply, or the end of the connection", () => whole() || this.#ended);
    if (!whole()) return null;
    const size = this.#received.readUInt32BE(0) + 4;
    const bytes = new Uint8Array(this.#received.subarray(0, size));
    this.#received = this.#received.subarray(size);
    return parseReply(bytes);
  }

  async reply(): Promise<Reply> {
    const reply = await this.replyOrEnd();
    assert.ok(reply !== null, "the connection ended where a reply was due");
    return reply;
  }

  /** A request and its values; the error of the reply fails the test. */
  async ask<N extends OperationName>(name: N, values: RequestOf<N>): Promise<ReplyOf<N>> {
    this.#correlation += 1;
    await this.send(request(name, values, this.#correlation));
    const reply = await this.reply();
    assert.equal(reply.correlation, this.#correlation, `${name}: the correlation comes back`);
    assert.equal(reply.code, 0, `${name}: ${reply.code === 0 ? "" : errorText(reply)}`);
    return RawConnection.decode(name, reply);
  }

  /** The values of a reply that is no error. */
  static decode<N extends OperationName>(name: N, { body }: Reply): ReplyOf<N> {
    return decodeBody(operation(name).reply as Table, body, 0, body.length) as ReplyOf<N>;
  }

  /** Fails unless the next thing is the broker's end of the connection. */
  async expectEnd(): Promise<void> {
    assert.equal(await this.replyOrEnd(), null, "the connection has ended");
  }

  /** No more to send; replies still come. */
  endSending(): void {
    this.#socket.end();
  }

  /** Closes at once. */
  close(): void {
    this.#socket.destroy();
  }

  async #until(what: string, met: () => boolean): Promise<void> {
    while (!met()) {
      const change = new Promise<void>((resolve) => (this.#wake = resolve));
      await within(what, change);
    }
  }
}

function parseReply(bytes: Uint8Array): Reply {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    code: view.getUint16(4),
    version: view.getUint8(6),
    flags: view.getUint8(7),
    correlation: view.getUint32(8),
    bytes,
    body: bytes.subarray(FRAME_HEADER),
  };
}

/** What an error reply says in words. */
export function errorText(reply: Reply): string {
  return decodeBody(ERROR_REPLY, reply.body, 0, reply.body.length).message;
}
