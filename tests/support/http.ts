/**
 * HTTP byte by byte, for tests: what is sent is what is written here, so that a test can send what
 * no client library would. Every request asks for the end of its connection, and an answer is what
 * came until then.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { Broker } from "./broker.ts";

/** Where a door listens: HOST:PORT, or the path of a Unix socket. */
export type HttpPlace = { readonly host: string; readonly port: number } | {
  readonly path: string;
};

export interface Answer {
  readonly status: number;
  /** Names in lower case; of several of one name, all with commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

export interface Question {
  readonly method?: string;
  readonly target: string;
  /** Over those that every request has; undefined: without it. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Text is sent as it is; anything else as JSON, with its type. */
  readonly body?: unknown;
}

/**
 * Sends the bytes and gives all that comes back before the other side ends the connection, or
 * until it is `enough`.
 */
export function exchange(
  place: HttpPlace,
  bytes: string | Uint8Array,
  enough?: (came: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = net.connect(place);
    const done = () => resolve(Buffer.concat(pieces).toString("latin1"));
    socket.on("error", (error) => {
      // A refusal may overtake what is still being sent: what came before it counts.
      if (pieces.length > 0) done();
      else reject(error);
    });
    socket.on("data", (piece: Uint8Array) => {
      pieces.push(Buffer.from(piece));
      if (enough?.(Buffer.concat(pieces).toString("latin1")) === true) socket.destroy();
    });
    socket.on("close", done);
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
}

/** One request, one answer. */
export async function ask(place: HttpPlace, question: Question): Promise<Answer> {
  const { method = "GET", target, headers = {}, body } = question;
  const isJson = body !== undefined && typeof body !== "string";
  const payload = Buffer.from(isJson ? JSON.stringify(body) : body as string ?? "", "utf8");
  const all: Record<string, string | undefined> = {
    host: "host" in place ? `${place.host}:${place.port}` : "localhost",
    connection: "close",
    ...(isJson ? { "content-type": "application/json" } : {}),
    ...(body === undefined ? {} : { "content-length": String(payload.length) }),
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  return parseAnswer(await exchange(place, Buffer.concat([head, payload])));
}

/** The first answer in what came; fails where there is none. */
export function parseAnswer(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
  assert.ok(end >= 0 && status >= 100, `no answer: ${JSON.stringify(text.slice(0, 200))}`);
  const headers = new Map<string, string>();
  for (const header of lines) {
    const colon = header.indexOf(":");
    const name = header.slice(0, colon).toLowerCase();
    const value = header.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const body = text.slice(end + 4);
  const bytes = headers.get("transfer-encoding") === "chunked" ? unchunked(body) : body;
  return { status, headers, text: Buffer.from(bytes, "latin1").toString("utf8") };
}

function unchunked(body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const end = body.indexOf("\r\n", at);
    const size = parseInt(body.slice(at, end), 16);
    if (!(size > 0)) break;
    text += body.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
  return text;
}

/** The HTTP door of a broker, with its tokens. */
export class HttpDoor {
  readonly place: HttpPlace;
  readonly tokens: { readonly admin: string; readonly read: string };

  private constructor(place: HttpPlace, data: string) {
    this.place = place;
    const token = (scope: string) => {
      return readFileSync(join(data, `http-${scope}.token`), "utf8").trim();
    };
    this.tokens = { admin: token("admin"), read: token("read") };
  }

  static async of(broker: Broker, data: string): Promise<HttpDoor> {
    const [host = "", port = ""] = (await broker.http()).split(":");
    return new HttpDoor({ host, port: Number(port) }, data);
  }

  /** With the token of a scope; null: without one. */
  ask(question: Question, scope: "admin" | "read" | null = "admin"): Promise<Answer> {
    const token = scope === null ? {} : { authorization: `Bearer ${this.tokens[scope]}` };
    return ask(this.place, { ...question, headers: { ...token, ...question.headers } });
  }

  /** The body of an answer with status 200, byte by byte. */
  async bytes(question: Question): Promise<{ headers: Answer["headers"]; body: Buffer }> {
    const { host, port } = this.place as { host: string; port: number };
    const authorization = `Bearer ${this.tokens.admin}`;
    const response = await fetch(`http://${host}:${port}${question.target}`, {
      headers: { authorization, ...question.headers as Record<string, string> },
    });
    assert.equal(response.status, 200);
    const body = Buffer.from(await response.arrayBuffer());
    return { headers: new Map(response.headers), body };
  }

  /** The JSON of an answer with this status; fails with what came instead. */
  async json(status: number, question: Question): Promise<unknown> {
    const answer = await this.ask(question);
    assert.equal(answer.status, status, `${question.target}: ${answer.text}`);
    return answer.text === "" ? null : JSON.parse(answer.text);
  }

  get(target: string): Promise<unknown> {
    return this.json(200, { target });
  }
}
