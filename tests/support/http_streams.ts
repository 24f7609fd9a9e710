/**
 * HTTP streams for tests, over a raw socket: what comes is taken byte by byte, so that a test may
 * cut where it likes, and stop reading where it likes.
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import type { HttpDoor } from "./http.ts";
import { within } from "./until.ts";

/**
 * Takes the bytes out of a chunked body, wherever it is cut; of a chunk that has begun, those that
 * are there.
 */
export class Unchunker {
  #held: Buffer = Buffer.alloc(0);
  /** Of the chunk that has begun; what ends it is still to come. */
  #left = 0;
  #isInside = false;
  /** The last chunk has come. */
  isWhole = false;

  /** The bytes of the body in what came. */
  feed(piece: Uint8Array): Buffer {
    this.#held = Buffer.concat([this.#held, piece]);
    const pieces: Buffer[] = [];
    while (this.#isInside ? this.#takeInside(pieces) : this.#begin());
    return Buffer.concat(pieces);
  }

  /** The size of the next chunk; false: it has not come. */
  #begin(): boolean {
    const end = this.#held.indexOf("\r\n");
    if (end < 0) return false;
    this.#left = parseInt(this.#held.subarray(0, end).toString("latin1"), 16);
    this.isWhole ||= this.#left === 0;
    this.#isInside = true;
    this.#held = this.#held.subarray(end + 2);
    return true;
  }

  /** False: what is there is taken. */
  #takeInside(pieces: Buffer[]): boolean {
    const taken = this.#held.subarray(0, this.#left);
    pieces.push(taken);
    this.#left -= taken.length;
    this.#held = this.#held.subarray(taken.length);
    if (this.#left > 0 || this.#held.length < 2) return false;
    this.#held = this.#held.subarray(2);
    this.#isInside = false;
    return true;
  }
}

/** The head of an answer, and its body as it comes. */
export class StreamAnswer {
  status = 0;
  /** As it came. */
  head = "";
  readonly #body: (bytes: Buffer) => void;
  readonly #unchunker: Unchunker = new Unchunker();
  #held: Buffer = Buffer.alloc(0);

  constructor(body: (bytes: Buffer) => void) {
    this.#body = body;
  }

  /** The answer ended as it should. */
  get isWhole(): boolean {
    return this.#unchunker.isWhole;
  }

  feed(piece: Uint8Array): void {
    let body: Uint8Array = piece;
    if (this.head === "") {
      this.#held = Buffer.concat([this.#held, piece]);
      const end = this.#held.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.head = this.#held.subarray(0, end).toString("latin1");
      this.status = Number(this.head.slice(9, 12));
      body = this.#held.subarray(end + 4);
    }
    const isChunked = /^transfer-encoding: chunked$/im.test(this.head);
    const bytes = isChunked ? this.#unchunker.feed(body) : Buffer.from(body);
    if (bytes.length > 0) this.#body(bytes);
  }
}

/** Where a door listens and what its requests need. */
export function headOf(
  door: HttpDoor,
  line: string,
  headers: Readonly<Record<string, string | undefined>> = {},
): string {
  const { host, port } = door.place as { host: string; port: number };
  const all = {
    host: `${host}:${port}`,
    authorization: `Bearer ${door.tokens.admin}`,
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Lines of records that are sent while their answers come. */
export class LineUpload {
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>;
  readonly #socket: net.Socket;
  #text = "";
  #isOver = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    const answer = new StreamAnswer((bytes) => {
      this.#text += bytes.toString("utf8");
      this.#wake();
    });
    socket.on("data", (piece: Uint8Array) => answer.feed(piece));
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async open(door: HttpDoor, target: string): Promise<LineUpload> {
    const socket = net.connect(door.place as net.TcpNetConnectOpts);
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    const upload = new LineUpload(socket);
    socket.write(headOf(door, `POST ${target}`, {
      "content-type": "application/x-ndjson",
      "transfer-encoding": "chunked",
      connection: "close",
    }));
    return upload;
  }

  /** False: the socket has more to send than it wants. */
  write(text: string): boolean {
    const bytes = Buffer.from(text, "utf8");
    return this.#socket.write(
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]),
    );
  }

  /** Writes `text` so many times, each when the other side has taken the one before. */
  async writeAll(text: string, times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      if (!this.write(text)) await this.#drained();
    }
  }

  /** The same until the other side takes nothing for a second; how often it was written. */
  async writeUntilFull(text: string, times: number): Promise<number> {
    for (let count = 1; count <= times; count += 1) {
      if (this.write(text)) continue;
      const isDrained = await within("", this.#drained(), 1000).then(() => true, () => false);
      if (!isDrained) return count;
    }
    return times;
  }

  end(): void {
    this.#socket.write("0\r\n\r\n");
  }

  /** Takes no answers any more. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** The next line of the answer. */
  async answer(): Promise<Record<string, unknown>> {
    const line = await within("an answer", this.#line());
    return JSON.parse(line);
  }

  /** The last line of the answer. */
  async last(): Promise<Record<string, unknown>> {
    await within("the end of the answer", this.ended, 60_000);
    return JSON.parse(this.#text.trimEnd().split("\n").at(-1)!);
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#isOver) throw new Error(`the answer ended: ${this.#text}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#socket.once("drain", () => resolve()));
  }
}

/** Positions without the tag of their topic, which differs from test to test. */
export function untagged(positions: string): string {
  const [, told] = /^([^@]*)@[0-9a-f]{8}$/.exec(positions) ?? [];
  return told ?? `no tag: ${positions}`;
}
