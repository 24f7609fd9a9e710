/**
 * `/v1/topics/{topic}/stream`: records as they come, as Server-Sent Events; and `/v1/tickets`, for
 * browsers, whose EventSource cannot send a token.
 */

import { createRoute, z } from "@hono/zod-openapi";
import type { ConsumerBatch } from "../../client/consumer.ts";
import {
  HTTP_HEARTBEAT_MS,
  HTTP_STREAM_CREDIT,
  HTTP_STREAM_PUSH_MS,
  HTTP_TICKET_MS,
} from "../../limits.ts";
import type { AdminApp } from "../app.ts";
import { body, json, needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { HttpError } from "../problem.ts";
import { eventsOf } from "../records/event_stream.ts";
import {
  type Begin,
  begin,
  parseStart,
  partitionsText,
  type Start,
  startText,
} from "../records/start.ts";
import { streamBody } from "../records/stream_body.ts";
import type { StreamPlaces } from "../records/stream_places.ts";
import { parseTarget } from "../request_target.ts";
import { type RouteTable, TAKES_TICKET, UNTRACED } from "../route_table.ts";
import { type Tickets, withTicket } from "../tickets.ts";
import { topicName } from "../values.ts";

export interface StreamServices {
  readonly tickets: Tickets;
  readonly places: StreamPlaces;
  /** How often a stream that has nothing to say says so. */
  readonly heartbeatMs?: number | undefined;
}

const EVENTS_TYPE = "text/event-stream";
const tags = ["records"];

const event = z.object({
  id: z.string().optional().describe("Where the reader is behind it."),
  event: z.enum(["message", "problem"]).optional().describe("message, where nothing is said."),
  data: z.string().describe("A record, or a problem, in JSON."),
  retry: z.number().int().optional().describe("Milliseconds until a reader comes back."),
}).openapi("RecordEvent", { description: "An event of the stream, by its fields." });

const stream = createRoute({
  method: "get",
  path: "/v1/topics/{topic}/stream",
  operationId: "streamRecords",
  tags,
  summary: "Records as Server-Sent Events.",
  description:
    "Without end. `data` of an event is a record; `id` says where the reader is behind " +
    "it, in all partitions: who comes back with it as `Last-Event-ID` (EventSource does) gets " +
    "what follows, nothing twice and nothing left out. An event `problem` says why a stream ends.",
  security: needs("read"),
  [TAKES_TICKET]: true,
  request: {
    params: z.object({ topic: topicName }),
    query: z.strictObject({
      from: startText.default("latest").openapi({ default: "latest" }),
      partitions: partitionsText.optional(),
      ticket: z.string().optional().describe("In the place of a token: POST /v1/tickets."),
    }),
    headers: z.object({
      "last-event-id": z.string().optional().describe("`id` of the last event; before `from`."),
    }),
  },
  responses: {
    200: { description: "Events.", content: { [EVENTS_TYPE]: { schema: event } } },
    ...problems("read", [
      "topic_not_found",
      "partition_not_found",
      "offset_out_of_range",
      "http_topic_replaced",
      "http_ticket_refused",
      "http_too_many_streams",
    ]),
  },
});

const issueTicket = createRoute({
  method: "post",
  path: "/v1/tickets",
  operationId: "issueTicket",
  tags,
  summary: "A ticket for one stream.",
  description: `It opens the stream once, within ${HTTP_TICKET_MS / 1000} s; and again with ` +
    "`Last-Event-ID` within the same time of its end. Never twice at the same time.",
  security: needs("read"),
  [UNTRACED]: true,
  request: {
    body: body(
      z.strictObject({
        stream: z.string().max(4096).describe("Path and query of the stream, without a ticket.")
          .openapi({
            example: "/v1/topics/orders/stream?from=earliest",
            pattern: "^/v1/topics/[a-zA-Z0-9._-]{1,249}/stream(\\?[!-~]*)?$",
          }),
      }).openapi("TicketWanted"),
    ),
  },
  responses: {
    201: json(
      z.object({
        ticket: z.string(),
        url: z.string().describe("Path and query, with the ticket: what EventSource opens."),
        openWithinMs: z.number().int(),
      }).openapi("Ticket"),
      "The ticket.",
    ),
    ...problems("read", [], { body: true }),
  },
});

export function addStreamRoutes(
  app: AdminApp,
  engine: Engine,
  { tickets, places, heartbeatMs = HTTP_HEARTBEAT_MS }: StreamServices,
  routes: () => RouteTable,
): void {
  app.openapi(stream, async (c) => {
    const { topic } = c.req.valid("param");
    const { from, partitions } = c.req.valid("query");
    const start = resumed(c.req.valid("header")["last-event-id"]) ?? from;
    const at = await engine.use((admin) => begin(admin, topic, partitions, start));
    const release = places.take(at.positions.size);
    const ending = new AbortController();
    const undrain = engine.onDrain(() => ending.abort());
    const left = (): void => {
      undrain();
      ending.abort();
      release();
    };
    try {
      const all = partitions === undefined;
      const batches = await consume(engine, topic, at, { all, signal: ending.signal });
      const events = eventsOf({ batches, ...at, heartbeatMs, ended: left });
      const bytes = streamBody(events, { cut: c.env.cut, left, stallMs: Infinity });
      return c.body(bytes, 200, { "content-type": EVENTS_TYPE });
    } catch (error) {
      left();
      throw error;
    }
  });
  app.openapi(issueTicket, (c) => {
    const { stream: target } = c.req.valid("json");
    checkTarget(target, routes());
    const ticket = tickets.issue(target);
    return c.json({ ticket, url: withTicket(target, ticket), openWithinMs: HTTP_TICKET_MS }, 201);
  });
}

/** What is pushed, within the credit of one stream. */
async function consume(
  engine: Engine,
  topic: string,
  { positions }: Begin,
  { all, signal }: { readonly all: boolean; readonly signal: AbortSignal },
): Promise<AsyncGenerator<ConsumerBatch, void, void>> {
  const client = await engine.client();
  const consumer = await client.consumer({
    ...(all ? { topics: [topic] } : {}), // those that come later too, from their first record on
    partitions: [...positions].map(([partition, from]) => ({ topic, partition, from })),
    from: "earliest",
    outOfRange: "error",
    bufferBytes: HTTP_STREAM_CREDIT,
    pushIntervalMs: HTTP_STREAM_PUSH_MS,
    signal,
  });
  return consumer.batches();
}

/** Null: there is none, or an empty one, which is what EventSource begins with. */
function resumed(lastEventId: string | undefined): Start | null {
  if (lastEventId === undefined || lastEventId === "") return null;
  const start = parseStart(lastEventId);
  if (start !== null && typeof start === "object" && "positions" in start) return start;
  const message = "it is no id of an event of this broker";
  throw new HttpError("http_invalid_request", "", [{ at: "header.last-event-id", message }]);
}

/** A ticket is for a stream that there is; whether its topic is there shows when it opens. */
function checkTarget(target: string, routes: RouteTable): void {
  const segments = parseTarget(target);
  const rule = segments === null ? undefined : routes.find(segments)?.get("GET");
  if (rule?.takesTicket === true && !target.includes("ticket=")) return;
  const message = "not the path and query of a stream, such as /v1/topics/orders/stream";
  throw new HttpError("http_invalid_request", "", [{ at: "body.stream", message }]);
}
