/**
 * A broker of a few lines in this process, for tests of the client: it frames by itself, so that a
 * mistake of the client's framing shows, and does on request what a real broker should never do.
 *
 * It knows one partition, "t" 0, kept as a list of stamped batches.
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import { decodeBody, encodeBody } from "../../../src/native/codec.ts";
import { ERROR_REPLY, operation, OPERATIONS } from "../../../src/native/operations.ts";
import type { Table } from "../../../src/native/table.ts";

export interface Request {
  readonly operation: number;
  readonly name: string;
  readonly correlation: number;
  readonly body: Buffer;
}

const PUSH = operation("subscribe").push;
export const MAX_MESSAGE_BYTES = 4096;

export class FakeBroker {
  readonly requests: Request[] = [];
  readonly batches: Buffer[] = [];
  visibleEnd = 0;
  maxMessageBytes: number = MAX_MESSAGE_BYTES;
  /** Asked first; undefined means the usual reply. */
  answer: (request: Request) => Buffer | null | undefined = () => undefined;
  /** Bytes per write; 0 for all at once. */
  pieceSize = 0;
  readonly sockets: Set<net.Socket> = new Set();
  readonly #server: net.Server = net.createServer((socket) => this.#serve(socket));

  static async start(path?: string): Promise<FakeBroker> {
    const broker = new FakeBroker();
    await new Promise<void>((resolve) => {
      if (path === undefined) broker.#server.listen(0, "127.0.0.1", resolve);
      else broker.#server.listen(path, resolve);
    });
    return broker;
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: (this.#server.address() as net.AddressInfo).port };
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Sends bytes on every connection. */
  send(bytes: Uint8Array): void {
    for (const socket of this.sockets) this.#write(socket, bytes);
  }

  named(name: string): Request[] {
    return this.requests.filter((request) => request.name === name);
  }

  /** Appends a batch as produced, and makes it visible. */
  append(batch: Uint8Array): number {
    const stored = Buffer.from(batch);
    const baseOffset = this.visibleEnd;
    stored.writeBigUInt64BE(BigInt(baseOffset), 0);
    this.visibleEnd += stored.readInt32BE(23) + 1;
    this.batches.push(stored);
    return baseOffset;
  }

  #serve(socket: net.Socket): void {
    socket.setNoDelay(true);
    this.sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const size = 4 + received.readUInt32BE(0);
        const request = parse(received.subarray(0, size));
        received = received.subarray(size);
        this.requests.push(request);
        const chosen = this.answer(request);
        const bytes = chosen === undefined ? this.#usual(request) : chosen;
        if (bytes !== null) this.#write(socket, bytes);
      }
    });
  }

  #write(socket: net.Socket, bytes: Uint8Array): void {
    const step = this.pieceSize === 0 ? bytes.length : this.pieceSize;
    for (let at = 0; at < bytes.length; at += step) socket.write(bytes.subarray(at, at + step));
  }

  #usual(request: Request): Buffer | null {
    switch (request.name) {
      case "open_partition":
        return reply(request, {
          handle: 7,
          leaderEpoch: 0,
          logStart: 0,
          visibleEnd: this.visibleEnd,
          maxMessageBytes: this.maxMessageBytes,
          durability: 3,
        });
      case "produce": {
        const baseOffset = this.append(request.body.subarray(8));
        const level = request.body[4] === 255 ? 3 : 1;
        const leaderEpoch = 0;
        return reply(request, { baseOffset, level, reserved: 0, reserved2: 0, leaderEpoch });
      }
      case "fetch":
        return this.fetchReply(request);
      case "subscribe":
        return reply(request, { logStart: 0, visibleEnd: this.visibleEnd });
      case "add_credit":
        return null;
      default:
        return reply(request, CANNED[request.name] ?? {});
    }
  }

  /** Pushes batch `index` to the subscription of this number. */
  push(number: number, index: number): void {
    this.send(this.pushOf(number, index));
  }

  pushOf(number: number, index: number): Buffer {
    const values = { logStart: 0, visibleEnd: this.visibleEnd, batches: this.batches[index]! };
    return pushFrame(0, number, encodeBody(PUSH, values));
  }

  /** One batch a fetch. */
  fetchReply(request: Request): Buffer {
    const offset = Number(request.body.readBigUInt64BE(16));
    const batch = this.batches.find((bytes) => {
      return Number(bytes.readBigUInt64BE(0)) + bytes.readInt32BE(23) >= offset;
    });
    const batches = batch ?? Buffer.alloc(0);
    return reply(request, { logStart: 0, visibleEnd: this.visibleEnd, batches });
  }
}

const CANNED: Record<string, Record<string, unknown>> = {
  hello: { protocol: 1, nodeId: 4, nodeEpoch: 2, frameSizeMax: 104857600, brokerVersion: "fake" },
  "create_topic": { topicId: "00000000-0000-0000-0000-00000000000a" },
  metadata: {
    nodes: [{ nodeId: 4, host: "127.0.0.1", port: 1 }],
    topics: [{
      error: 0,
      name: "t",
      topicId: "00000000-0000-0000-0000-00000000000a",
      partitions: [{ leader: 4 }],
      config: [{ key: "durability", value: "os" }],
    }],
  },
  "list_topics": {
    topics: [{ name: "t", topicId: "00000000-0000-0000-0000-00000000000a", partitions: 1 }],
  },
  offsets: { logStart: 1, visibleEnd: 2, durableEnd: 3, logEnd: 4 },
  "delete_records": { logStart: 17 },
  "offset_for_time": { offset: 5, timestamp: 1234 },
  "offset_times": { times: [{ error: 0, timestamp: 1234 }, { error: 20, timestamp: -1 }] },
  stats: { counters: [{ name: "a_total", value: 1 }, { name: "b_bytes", value: 2 }] },
};

function parse(frame: Buffer): Request {
  const operation = frame.readUInt16BE(4);
  const name = OPERATIONS.find((row) => row.code === operation)?.name ?? `operation ${operation}`;
  return {
    operation,
    name,
    correlation: frame.readUInt32BE(8),
    body: Buffer.from(frame.subarray(12)),
  };
}

/** The values of a request. */
export function valuesOf(request: Request): Record<string, unknown> {
  const row = OPERATIONS.find(({ code }) => code === request.operation)!;
  return decodeBody(row.request as Table, request.body, 0, request.body.length);
}

/** A frame with the reply of a request. */
export function reply(request: Request, values: Record<string, unknown>): Buffer {
  const row = OPERATIONS.find(({ code }) => code === request.operation)!;
  return frame(0, request.correlation, encodeBody(row.reply as Table, values as never));
}

export function errorReply(correlation: number, code: number, message: string): Buffer {
  return frame(code, correlation, encodeBody(ERROR_REPLY, { message }));
}

export function pushFrame(code: number, correlation: number, body: Uint8Array): Buffer {
  const bytes = frame(code, correlation, body);
  bytes[7] = 0x80;
  return bytes;
}

export function frame(code: number, correlation: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(8 + body.length, 0);
  bytes.writeUInt16BE(code, 4);
  bytes.writeUInt32BE(correlation, 8);
  bytes.set(body, 12);
  return bytes;
}
