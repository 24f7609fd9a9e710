/**
 * The door behind the listeners: the gate first, and for what it admits the Hono app. Loaded with
 * the first request, because Hono, zod and the descriptions take time and memory that a broker
 * whose HTTP nobody uses does not spend.
 *
 *     node:http -> gate: refused   -> problem, written here
 *                  gate: admitted  -> Hono -> handler -> response
 *
 * Invariant: nothing reaches the app that the gate has not admitted.
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { trace } from "../base/trace.ts";
import { makeApp, problemResponse } from "./app.ts";
import type { Engine } from "./engine.ts";
import { type Admission, Gate, type Refusal } from "./gate.ts";
import { HttpError, problem, problemHeaders, problemOf } from "./problem.ts";
import { Tokens } from "./tokens.ts";

export interface DoorOptions {
  readonly engine: Engine;
  readonly tokens: { readonly read: string; readonly admin: string };
  /** What Host may say; see `allowedHosts`. */
  readonly hosts: ReadonlySet<string>;
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

export function makeDoor({ engine, tokens, hosts }: DoorOptions): Door {
  const { app, routes } = makeApp(engine);
  const gate = new Gate({ routes, tokens: new Tokens(tokens), hosts });
  const admissions: WeakMap<IncomingMessage, Admission> = new WeakMap();
  const listener = getRequestListener(
    (request, env) => {
      const { incoming } = env as HttpBindings;
      return app.fetch(request, { admission: admissions.get(incoming)! });
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
    if ("refused" in found) return refuse(incoming, outgoing, found);
    admissions.set(incoming, found);
    listener(incoming, outgoing).catch((error: unknown) => {
      trace("error", `http: ${error instanceof Error ? error.stack : String(error)}`);
      outgoing.destroy();
    });
  };
}

/** On the Unix socket Host is not looked at, and may be what no URL can be made of. */
function readable(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  return new HttpError("http_invalid_request", "the header Host cannot be read");
}

/** A body that nobody reads ends the connection. */
function refuse(incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): void {
  const told = problem(refusal.refused, refusal.detail);
  const text = JSON.stringify(told);
  const { headers } = incoming;
  const hasBody = headers["transfer-encoding"] !== undefined ||
    (headers["content-length"] ?? "0") !== "0";
  outgoing.writeHead(told.status, {
    ...problemHeaders(told),
    ...refusal.headers,
    ...(hasBody ? { connection: "close" } : {}),
    "content-length": String(Buffer.byteLength(text)),
  });
  outgoing.end(text);
}
