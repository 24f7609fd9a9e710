/**
 * A client of Server-Sent Events, as EventSource is one, over a raw socket: it takes whole events
 * alone, keeps the id of the last one, and comes back with it. A test cuts it where it likes.
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import type { HttpDoor } from "./http.ts";
import { headOf, StreamAnswer } from "./http_streams.ts";

export interface ServerEvent {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** The events in a text that comes in pieces. */
export class EventParser {
  lastEventId = "";
  retryMs = -1;
  /** Lines that begin with a colon. */
  comments = 0;
  #held = "";
  #fields: { id: string; type: string; data: string[] } = this.#fresh();

  /** Those that the piece completes. */
  feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#held + text).split("\n");
    this.#held = lines.pop()!;
    for (const line of lines) {
      if (line !== "") this.#take(line);
      else {
        const { id, type, data } = this.#fields;
        this.lastEventId = id;
        if (data.length > 0) events.push({ id, type, data: data.join("\n") });
        this.#fields = this.#fresh();
      }
    }
    return events;
  }

  /** What was not whole is lost with the connection; the id of the last event is not. */
  reconnected(): void {
    this.#held = "";
    this.#fields = this.#fresh();
  }

  #take(line: string): void {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (name === "") this.comments += 1;
    else if (name === "id") this.#fields.id = value;
    else if (name === "event") this.#fields.type = value;
    else if (name === "data") this.#fields.data.push(value);
    else if (name === "retry") this.retryMs = Number(value);
  }

  #fresh(): { id: string; type: string; data: string[] } {
    return { id: this.lastEventId, type: "message", data: [] };
  }
}

export interface EventReaderOptions {
  readonly door: HttpDoor;
  /** Path and query of the stream. */
  readonly target: string;
  /** Over those of a client with a token; undefined: without it. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly taken: (event: ServerEvent) => void;
  readonly parser?: EventParser;
  /** The client cuts the connection when so many bytes of it have come. */
  readonly cutAtBytes?: number;
}

/** One connection of such a client, from its request to its end. */
export class EventReader {
  readonly parser: EventParser;
  /** Settles when the connection has ended; whether the answer was whole then. */
  readonly ended: Promise<boolean>;
  /** Settles with the status of the answer, 0 where none came. */
  readonly answered: Promise<number>;
  readonly #socket: net.Socket;
  readonly #answer: StreamAnswer;
  #body = "";

  constructor(
    { door, target, headers = {}, taken, parser, cutAtBytes = Infinity }: EventReaderOptions,
  ) {
    this.parser = parser ?? new EventParser();
    this.parser.reconnected();
    this.#answer = new StreamAnswer((bytes) => {
      this.#body += bytes.toString("latin1");
      if (this.#answer.status !== 200) return;
      // Texts are cut anywhere; latin1 is put together again by who reads `data`.
      for (const event of this.parser.feed(bytes.toString("latin1"))) taken(event);
    });
    const socket = this.#socket = net.connect(door.place as net.TcpNetConnectOpts);
    let left = cutAtBytes;
    let tell: (status: number) => void = () => {};
    this.answered = new Promise((resolve) => (tell = resolve));
    socket.on("error", () => {});
    socket.on("data", (piece: Uint8Array) => {
      if (left <= 0) return;
      this.#answer.feed(piece.subarray(0, left));
      left -= piece.length;
      if (this.#answer.status > 0) tell(this.#answer.status);
      if (left <= 0) socket.destroy();
    });
    this.ended = new Promise((resolve) => {
      socket.on("close", () => {
        tell(this.#answer.status);
        resolve(this.#answer.isWhole);
      });
    });
    socket.write(headOf(door, `GET ${target}`, {
      connection: "close",
      ...(this.parser.lastEventId === "" ? {} : { "last-event-id": this.parser.lastEventId }),
      ...headers,
    }));
  }

  /** What came of the body. */
  get body(): string {
    return Buffer.from(this.#body, "latin1").toString("utf8");
  }

  get head(): string {
    return this.#answer.head;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.destroy();
  }
}
