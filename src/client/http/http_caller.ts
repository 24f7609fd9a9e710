/**
 * What every method of the typed client of the HTTP door does: makes a request of its arguments,
 * sends it by `fetch`, and reads the answer as the type that was asked for. Which methods there are
 * is in api.ts, which is generated.
 *
 *     { topic, maxRecords, body } -> path, headers, body, and a query of what is left
 *     answer -> JSON | lines | events | bytes | text        problem+json -> throws ProblemError
 *
 * Invariant: the token goes to the broker of `url`, in one header, and nowhere else: no redirect is
 * followed, and no error has it in its text.
 */

import { InvalidOptionError } from "../errors.ts";
import { HttpAnswerError, ProblemError } from "./http_errors.ts";
import { eventsOf, type Lines, linesBody, linesOf } from "./http_streams.ts";
import type { Problem } from "./schemas.ts";

export type { Lines } from "./http_streams.ts";

const PROBLEM_TYPE = "application/problem+json";
const LINES_TYPE = "application/x-ndjson";
const JSON_TYPE = "application/json";

export interface HttpApiOptions {
  /** Where the door is: `http://127.0.0.1:7480`. The path of a proxy goes before its own. */
  readonly url: string;
  /** What is in `http-admin.token` or `http-read.token` of the data directory. */
  readonly token?: string | undefined;
  /** In the place of the runtime's own: for a Unix socket, or a proxy. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

export interface CallOptions {
  /** Ends the call, or the stream that it gives; its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Is given status and headers before the body is read, such as `Sluice-Next`. */
  readonly onHead?: ((head: { status: number; headers: Headers }) => void) | undefined;
}

/** How an operation is asked for. */
export interface Call {
  readonly method: string;
  /** `/v1/topics/{topic}` */
  readonly path: string;
  /** Arguments that are headers. */
  readonly headers?: readonly string[];
  readonly bodyType?: string;
  readonly answerType?: string;
  /** Of answers that are no problems. */
  readonly statuses: readonly number[];
}

/** A call that is going on. */
interface Running extends CallOptions {
  readonly call: Call;
  /** What the values of its body threw. */
  failure: { readonly error: unknown } | null;
}

export class HttpCaller {
  readonly #url: string;
  readonly #token: string | null;
  readonly #fetch: NonNullable<HttpApiOptions["fetch"]>;

  /** Throws InvalidOptionError. */
  constructor(options: HttpApiOptions) {
    const { url, token } = options;
    this.#url = checkedUrl(url);
    this.#token = token === undefined ? null : checkedToken(token);
    // That of a browser wants to be called as no method.
    this.#fetch = options.fetch ?? ((to, init) => fetch(to, init));
  }

  protected async nothing(call: Call, request: object, options?: CallOptions): Promise<void> {
    const answer = await this.#send(begin(call, options), request);
    await answer.body?.cancel();
  }

  protected async json<T>(call: Call, request: object, options?: CallOptions): Promise<T> {
    return parsed(await this.text(call, request, options), call) as T;
  }

  protected async text(call: Call, request: object, options?: CallOptions): Promise<string> {
    const running = begin(call, options);
    const answer = await this.#send(running, request);
    return await uncut(running, () => answer.text());
  }

  protected async bytes(call: Call, request: object, options?: CallOptions): Promise<Uint8Array> {
    const running = begin(call, options);
    const answer = await this.#send(running, request);
    return new Uint8Array(await uncut(running, () => answer.arrayBuffer()));
  }

  /** The request is sent when the first line is asked for. */
  protected async *lines<T>(
    call: Call,
    request: object,
    options?: CallOptions,
  ): AsyncGenerator<T, void, void> {
    for await (const line of this.#textLines(begin(call, options), request)) {
      if (line !== "") yield parsed(line, call) as T;
    }
  }

  protected async *events<T>(
    call: Call,
    request: object,
    options?: CallOptions,
  ): AsyncGenerator<T, void, void> {
    const lines = this.#textLines(begin(call, options), request);
    for await (const event of eventsOf(lines)) yield event as T;
  }

  async *#textLines(running: Running, request: object): AsyncGenerator<string, void, void> {
    const { body } = await this.#send(running, request);
    if (body === null) return;
    const lines = linesOf(body);
    try {
      for (;;) {
        const { done, value } = await uncut(running, () => lines.next());
        if (done === true) break;
        yield value;
      }
    } finally {
      await lines.return();
    }
    // The broker takes a body that ended early for a whole one, where the runtime ends it so.
    if (running.failure !== null) throw running.failure.error;
  }

  /** The answer, when it is one that was asked for; its body is not read. */
  async #send(running: Running, request: object): Promise<Response> {
    const { call, signal, onHead } = running;
    const { body, ...given } = request as Record<string, unknown>;
    const url = this.#url + targetOf(call, given);
    const init = {
      method: call.method,
      headers: this.#headers(call, given),
      redirect: "error" as const,
      ...(signal === undefined ? {} : { signal }),
      ...bodyOf(running, body),
    };
    let answer: Response;
    try {
      answer = await this.#fetch(url, init);
    } catch (error) {
      throwReason(running);
      throw unreachable(this.#url, call, error);
    }
    onHead?.({ status: answer.status, headers: answer.headers });
    const type = mediaType(answer);
    const isWanted = call.statuses.includes(answer.status) &&
      (call.answerType === undefined || type === call.answerType);
    if (isWanted) return answer;
    if (type === PROBLEM_TYPE) {
      const text = await uncut(running, () => answer.text());
      throw problemIn(text, call);
    }
    await answer.body?.cancel();
    throw unexpected(call, `${answer.status} ${type}`.trimEnd());
  }

  #headers(call: Call, given: Readonly<Record<string, unknown>>): Record<string, string> {
    const { bodyType, answerType, headers = [] } = call;
    const own = headers.filter((name) => given[name] !== undefined)
      .map((name) => [name, String(given[name])]);
    return {
      accept: answerType ?? PROBLEM_TYPE,
      ...(bodyType === undefined ? {} : { "content-type": bodyType }),
      ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      ...Object.fromEntries(own),
    };
  }
}

function begin(call: Call, options: CallOptions = {}): Running {
  return { ...options, call, failure: null };
}

/** Path and query. What is no part of the path and no header is in the query. */
function targetOf(call: Call, given: Readonly<Record<string, unknown>>): string {
  const taken = new Set(call.headers);
  const path = call.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    taken.add(name);
    return segmentOf(name, given[name]);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    if (taken.has(name) || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

/** A slash is `~1` at the door, a tilde `~0`; what would be another path is refused. */
function segmentOf(name: string, value: unknown): string {
  const text = String(value ?? "");
  if (text === "" || text === "." || text === "..") {
    throw new InvalidOptionError(name, text, "a name that can stand in a path");
  }
  return encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function bodyOf(running: Running, body: unknown): { body?: BodyInit; duplex?: "half" } {
  const { bodyType } = running.call;
  if (bodyType === undefined) return {};
  if (bodyType === JSON_TYPE) return { body: JSON.stringify(body) };
  if (bodyType !== LINES_TYPE) return { body: body as BodyInit };
  const stream = linesBody(body as Lines<unknown>, (error) => {
    running.failure = { error };
  });
  // `half` is what fetch wants to be told of a stream.
  return { body: stream as BodyInit, duplex: "half" };
}

/** Reads; what fails is what the caller did, or an answer without its end. */
async function uncut<T>(running: Running, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch {
    throwReason(running);
    throw new HttpAnswerError("http_cut", `the answer to ${nameOf(running.call)} was cut short`);
  }
}

/** Where the caller ended it: by the signal, or by values that threw. */
function throwReason({ signal, failure }: Running): void {
  signal?.throwIfAborted();
  if (failure !== null) throw failure.error;
}

function parsed(text: string, call: Call): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(call, "something that is no JSON");
  }
}

function problemIn(text: string, call: Call): Error {
  const found = Object(parsed(text, call)) as Partial<Problem>;
  const isOurs = typeof found.title === "string" && typeof found.name === "string";
  return isOurs ? new ProblemError(found as Problem) : unexpected(call, "a problem of others");
}

function unexpected(call: Call, what: string): HttpAnswerError {
  return new HttpAnswerError("http_unexpected", `${nameOf(call)} was answered with ${what}`);
}

/** What fetch throws may have the query in it: only its code is told. */
function unreachable(url: string, call: Call, error: unknown): HttpAnswerError {
  const { code, cause } = Object(error) as { code?: unknown; cause?: { code?: unknown } };
  const found = [code, cause?.code].find((one) => typeof one === "string");
  const why = found === undefined ? "" : ` (${found})`;
  return new HttpAnswerError("http_unreachable", `no answer to ${nameOf(call)} from ${url}${why}`);
}

function nameOf({ method, path }: Call): string {
  return `${method} ${path}`;
}

function mediaType({ headers }: Response): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Without the slash at its end. What is wrong is not shown: there may be a password in it. */
function checkedUrl(url: string): string {
  const found = URL.canParse(url) ? new URL(url) : null;
  const isPlain = found !== null && /^https?:$/.test(found.protocol) && found.search === "" &&
    found.hash === "" && found.username === "" && found.password === "";
  if (!isPlain) {
    throw new InvalidOptionError(
      "url",
      "…",
      "like http://127.0.0.1:7480, without a user or a query",
    );
  }
  return found.href.replace(/\/$/, "");
}

/** Read from a file it may end with a line feed. */
function checkedToken(token: string): string {
  const trimmed = token.trim();
  if (/^[\w.~+/-]+$/.test(trimmed)) return trimmed;
  throw new InvalidOptionError("token", "…", "letters, digits and . _ ~ + / -");
}
