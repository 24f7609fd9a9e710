/** `/v1/connections`: the clients of the native listener, and ending one of them. */

import { createRoute, z } from "@hono/zod-openapi";
import type { ConnectionInfo } from "../../client/admin.ts";
import type { AdminApp } from "../app.ts";
import { json, needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { nextSchema, pageOf, pageQuery } from "../paging.ts";
import { connectionNumber } from "../values.ts";

const tags = ["connections"];
/** Digits of the largest id: ids sort as text where all are as long. */
const ID_DIGITS = 16;

const connection = z.object({
  id: z.number().int().describe("Never used again before a restart."),
  listener: z.string().describe("Where it came in."),
  peer: z.string().describe("HOST:PORT; empty where it is not known."),
  clientName: z.string().describe("What the client calls itself."),
  since: z.iso.datetime(),
  lastRequest: z.iso.datetime().nullable().describe("When it last asked for something."),
  requests: z.number().int(),
  bytesIn: z.number().int(),
  bytesOut: z.number().int(),
  requestsPerSecond: z.number().describe("Since it was accepted, on average; so the next two."),
  bytesInPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
}).openapi("Connection");

const listConnections = createRoute({
  method: "get",
  path: "/v1/connections",
  operationId: "listConnections",
  tags,
  summary: "Who is connected, sorted by id.",
  security: needs("read"),
  request: {
    query: z.strictObject({
      ...pageQuery("id"),
      clientName: z.string().optional().describe("Only clients of this name."),
    }),
  },
  responses: {
    200: json(
      z.object({ connections: z.array(connection), next: nextSchema }).openapi("ConnectionPage"),
      "A page of connections.",
    ),
    ...problems("read"),
  },
});

const closeConnection = createRoute({
  method: "delete",
  path: "/v1/connections/{id}",
  operationId: "closeConnection",
  tags,
  summary: "End a connection.",
  security: needs("admin"),
  request: { params: z.object({ id: connectionNumber }) },
  responses: {
    204: { description: "It ends; what is due to it is sent first." },
    ...problems("admin", ["connection_not_found"]),
  },
});

export function addConnectionRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(listConnections, async (c) => {
    const { clientName, ...wanted } = c.req.valid("query");
    const all = (await engine.use((admin) => admin.connections())).filter((one) => {
      return clientName === undefined || one.clientName === clientName;
    });
    const after = wanted.after?.padStart(ID_DIGITS, "0");
    const { entries, next } = pageOf(all, keyOf, { ...wanted, after });
    const nowMs = Date.now();
    const connections = entries.map((one) => describe(one, nowMs));
    return c.json({ connections, next: next === null ? null : String(Number(next)) }, 200);
  });
  app.openapi(closeConnection, async (c) => {
    const { id } = c.req.valid("param");
    await engine.use((admin) => admin.closeConnection(id));
    return c.body(null, 204);
  });
}

function keyOf({ id }: ConnectionInfo): string {
  return String(id).padStart(ID_DIGITS, "0");
}

function describe(one: ConnectionInfo, nowMs: number): z.infer<typeof connection> {
  const { id, listener, peer, clientName, requests, bytesIn, bytesOut } = one;
  const seconds = Math.max(1, (nowMs - one.sinceMs) / 1000);
  const rate = (count: number): number => Math.round(count / seconds * 1000) / 1000;
  return {
    id,
    listener,
    peer,
    clientName,
    since: new Date(one.sinceMs).toISOString(),
    lastRequest: one.lastRequestMs === 0 ? null : new Date(one.lastRequestMs).toISOString(),
    requests,
    bytesIn,
    bytesOut,
    requestsPerSecond: rate(requests),
    bytesInPerSecond: rate(bytesIn),
    bytesOutPerSecond: rate(bytesOut),
  };
}
