/**
 * The door behind the listeners: the gate first, and for what it admits the Hono app. Loaded with
 * the first request, because Hono, zod and the descriptions take time and memory that a broker
 * whose HTTP nobody uses does not spend.
 *
 *     node:http -> gate: refused   -> problem, written here
 *                  gate: admitted  -> Hono -> handler -> response
 *
 * A connection is cut by its socket: `destroy` of an answer that has not begun sends a 200 on Bun.
 *
 * Invariant: nothing reaches the app that the gate has not admitted.
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { clearTimeout, setTimeout } from "node:timers";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { trace } from "../base/trace.ts";
import { HTTP_RECORDS_SIZE_MAX, HTTP_REQUEST_MS } from "../limits.ts";
import { makeApp, problemResponse } from "./app.ts";
import type { Engine } from "./engine.ts";
import { type Admission, Gate, type Refusal } from "./gate.ts";
import { type HttpStats, REFUSED } from "./http_stats.ts";
import { HttpError, problem, problemHeaders, problemOf } from "./problem.ts";
import { StreamPlaces } from "./records/stream_places.ts";
import type { RouteRule } from "./route_table.ts";
import { Tickets } from "./tickets.ts";
import { Tokens } from "./tokens.ts";
import type { PartitionVerifier } from "./verify_stream.ts";

export interface DoorOptions {
  readonly engine: Engine;
  readonly tokens: { readonly read: string; readonly admin: string };
  /** What Host may say; see `allowedHosts`. */
  readonly hosts: ReadonlySet<string>;
  /** Event streams at the same time. */
  readonly streamsMax: number;
  /** Of tickets: a clock that only goes forward. */
  readonly nowMs: () => number;
  readonly heartbeatMs?: number | undefined;
  readonly stats: HttpStats;
  readonly verifier: PartitionVerifier | null;
}

export type Door = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  isLocal: boolean,
) => void;

/** What every answer says: it is for the client alone, and no page may make use of it. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A refused body is taken for so long, and so much of it. */
const LINGER_MS = 1000;
const LINGER_SIZE: number = 4 * HTTP_RECORDS_SIZE_MAX;

export function makeDoor(options: DoorOptions): Door {
  const { engine, hosts, heartbeatMs, stats, verifier } = options;
  const tickets = new Tickets(options.nowMs);
  const places = new StreamPlaces(options.streamsMax);
  const { app, routes } = makeApp(engine, { tickets, places, heartbeatMs, stats, verifier });
  const gate = new Gate({ routes, tokens: new Tokens(options.tokens), tickets, hosts });
  const admissions: WeakMap<IncomingMessage, Admission> = new WeakMap();
  const listener = getRequestListener(
    (request, env) => {
      const { incoming } = env as HttpBindings;
      return app.fetch(request, {
        admission: admissions.get(incoming)!,
        rawHeaders: incoming.rawHeaders,
        cut: () => incoming.socket.destroy(),
      });
    },
    {
      overrideGlobalObjects: false, // an embedding program keeps its own Request and Response
      hostname: "localhost",
      errorHandler: (error) => problemResponse(problemOf(readable(error))),
    },
  );
  return (incoming, outgoing, isLocal) => {
    for (const [name, value] of Object.entries(HEADERS)) outgoing.setHeader(name, value);
    const { method = "", url: target = "", rawHeaders } = incoming;
    const found = gate.admit({ method, target, rawHeaders, isLocal });
    time(outgoing, stats, "refused" in found ? REFUSED : found.rule.operation);
    if ("refused" in found) return refuse(incoming, outgoing, found);
    admissions.set(incoming, found);
    if (hasBody(incoming)) boundBody(incoming, outgoing, found.rule);
    outgoing.once("close", () => found.ticket?.end());
    listener(incoming, outgoing).catch((error: unknown) => {
      trace("error", `http: ${error instanceof Error ? error.stack : String(error)}`);
      incoming.socket.destroy();
    });
  };
}

/** Counts the request when it is over: answered, or left by its client. */
function time(outgoing: ServerResponse, stats: HttpStats, operation: string): void {
  const beganMs = performance.now();
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    stats.answered(operation, performance.now() - beganMs);
  };
  outgoing.once("finish", over);
  outgoing.once("close", over);
}

/** On the Unix socket Host is not looked at, and may be what no URL can be made of. */
function readable(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  return new HttpError("http_invalid_request", "the header Host cannot be read");
}

/**
 * A body that does not stream has its time. Not by `requestTimeout` of `node:http`, which streams
 * would have too.
 */
function boundBody(incoming: IncomingMessage, outgoing: ServerResponse, rule: RouteRule): void {
  const [type = ""] = (incoming.headers["content-type"] ?? "").toLowerCase().split(";", 1);
  if (rule.streamedTypes.includes(type.trim())) return;
  const limit = setTimeout(() => {
    if (!incoming.complete) incoming.socket.destroy();
  }, HTTP_REQUEST_MS);
  outgoing.once("close", () => clearTimeout(limit));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** A body that nobody wants ends the connection. */
function refuse(incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): void {
  const told = problem(refusal.refused, refusal.detail);
  const text = JSON.stringify(told);
  outgoing.writeHead(told.status, {
    ...problemHeaders(told),
    ...refusal.headers,
    ...(hasBody(incoming) ? { connection: "close" } : {}),
    "content-length": String(Buffer.byteLength(text)),
  });
  if (!hasBody(incoming)) {
    outgoing.end(text);
    return;
  }
  outgoing.write(text);
  discard(incoming, () => outgoing.end());
}

/**
 * Takes what still comes of a body for a moment: who ends a connection with bytes unread takes the
 * answer away from a client that has not read it yet.
 */
function discard(incoming: IncomingMessage, ended: () => void): void {
  let bytes = 0;
  const limit = setTimeout(end, LINGER_MS);
  incoming.on("data", (piece: Uint8Array) => {
    bytes += piece.length;
    if (bytes > LINGER_SIZE) end();
  });
  incoming.on("end", end);
  incoming.on("error", end);
  function end(): void {
    clearTimeout(limit);
    ended();
  }
}
