/**
 * Clients of the HTTP door for http_feel.ts: pollers, each asking for one thing again and again,
 * and a reader of an event stream. They look at as little of the answers as is needed to know that
 * they are right, so that they take little of the machine away.
 *
 *     poller    | ask | answer |      …      | ask | answer |     every so often
 *     reader    ask | event | event | event | …       counted by the empty line behind each
 *
 * Invariant: an answer other than 200 fails the bench.
 */
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Server } from "./servers.ts";

const FOUND_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 5;
const NEWLINE = 10;

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  /** The token that may look. */
  readonly token: string;
}

/** Where the HTTP door of a broker is, as soon as it has said so. */
export async function httpPlaceOf(server: Server): Promise<HttpPlace> {
  for (let waitedMs = 0; waitedMs < FOUND_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    const port = /^http \S+:(\d+)$/m.exec(server.output())?.[1];
    if (port !== undefined) {
      const token = readFileSync(join(server.data, "http-read.token"), "utf8").trim();
      return { host: "127.0.0.1", port: Number(port), token };
    }
    await pause(LOOK_EVERY_MS);
  }
  throw new Error("the broker opened no HTTP door");
}

/** Asks for one path after another, each of them every `everyMs`; ends when told to. */
export class Pollers {
  answers = 0;
  answerBytes = 0;
  readonly #place: HttpPlace;
  readonly #polls: Promise<void>[];
  #isOver = false;

  constructor(place: HttpPlace, paths: readonly string[], everyMs: number) {
    this.#place = place;
    this.#polls = paths.map((path, index) => {
      return this.#poll(path, everyMs, everyMs * index / paths.length);
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#polls);
  }

  async #poll(path: string, everyMs: number, firstMs: number): Promise<void> {
    const { host, port, token } = this.#place;
    const headers = { authorization: `Bearer ${token}` };
    let dueMs = performance.now() + firstMs;
    for (;;) {
      await pause(Math.max(0, dueMs - performance.now()));
      if (this.#isOver) return;
      const response = await fetch(`http://${host}:${port}${path}`, { headers });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
      this.answers += 1;
      this.answerBytes += text.length;
      dueMs = Math.max(dueMs + everyMs, performance.now());
    }
  }
}

/** A reader of everything that comes into a topic. */
export class StreamReader {
  bytes = 0;
  /** Settles when the stream has said where it begins. */
  readonly begun: Promise<void>;
  readonly #socket: net.Socket;
  #begun: (error?: Error) => void = () => {};
  /** Texts that end in an empty line; the first says where the stream begins. */
  #ends = 0;
  #last = 0;
  #head = "";
  #isHeadRead = false;

  constructor({ host, port, token }: HttpPlace, topic: string) {
    this.begun = new Promise((resolve, reject) => {
      this.#begun = (error) => error === undefined ? resolve() : reject(error);
    });
    this.#socket = net.connect({ host, port });
    this.#socket.on("error", (error) => this.#begun(error));
    this.#socket.on("data", (piece: Uint8Array) => this.#take(piece));
    this.#socket.write(
      `GET /v1/topics/${topic}/stream?from=latest HTTP/1.1\r\nhost: ${host}:${port}\r\n` +
        `authorization: Bearer ${token}\r\n\r\n`,
    );
  }

  /** Records that came. */
  get records(): number {
    return Math.max(0, this.#ends - 1);
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(piece: Uint8Array): void {
    this.bytes += piece.length;
    let from = 0;
    if (!this.#isHeadRead) from = this.#takeHead(piece);
    if (from < 0) return;
    if (this.#last === NEWLINE && piece[from] === NEWLINE) this.#ends += 1;
    for (let at = piece.indexOf(NEWLINE, from); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) {
      if (piece[at + 1] === NEWLINE) this.#ends += 1;
    }
    this.#last = piece[piece.length - 1]!;
    if (this.#ends > 0) this.#begun();
  }

  /** Where the body begins; -1: not in this piece. */
  #takeHead(piece: Uint8Array): number {
    const before = this.#head.length;
    this.#head += new TextDecoder("latin1").decode(piece);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return -1;
    if (!this.#head.startsWith("HTTP/1.1 200 ")) this.#begun(new Error(this.#head));
    this.#isHeadRead = true;
    return end + 4 - before;
  }
}
