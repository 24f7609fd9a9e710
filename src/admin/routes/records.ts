/**
 * `/v1/topics/{topic}/records`: produce and fetch records. What is answered to a producer is what
 * the shard acknowledged, with the durability that it reached; the producer is one for the whole
 * door, and idempotent.
 */

import { Buffer } from "node:buffer";
import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ClosedError } from "../../client/errors.ts";
import { JsonWriter } from "../../client/json_writer.ts";
import type { Producer } from "../../client/producer.ts";
import type { Headers } from "../../client/record.ts";
import type { RecordPart } from "../../client/record_json.ts";
import {
  HTTP_READ_SIZE_DEFAULT,
  HTTP_READ_SIZE_MAX,
  HTTP_RECORDS_DEFAULT,
  HTTP_RECORDS_MAX,
  HTTP_RECORDS_SIZE_MAX,
  HTTP_STREAM_IDLE_MS,
  HTTP_WAIT_MS_MAX,
} from "../../limits.ts";
import type { AdminApp, AdminEnv } from "../app.ts";
import { needs, OF_CHANGES, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { linesOf } from "../line_schemas.ts";
import { HttpError, ProblemError, problemOf } from "../problem.ts";
import { BodyReader } from "../records/body_reader.ts";
import { type Delivered, delivered, deliveredOf } from "../records/delivered.ts";
import { failureText, LineTransfer, type LineTransferOptions } from "../records/line_transfer.ts";
import { positionsText } from "../records/positions.ts";
import { readBatches, readRecords } from "../records/read_records.ts";
import { newRecords, storedRecord } from "../records/record_schemas.ts";
import { begin, partitionsText, startText } from "../records/start.ts";
import { streamBody } from "../records/stream_body.ts";
import { BODY_LIMIT, BODY_STREAMS, UNTRACED } from "../route_table.ts";
import { numberText, offsetNumber, partitionNumber, topicName } from "../values.ts";

const JSON_TYPE = "application/json";
const LINES_TYPE = "application/x-ndjson";
const BYTES_TYPE = "application/octet-stream";
const TEXT_TYPE = "text/plain";
const READ_TYPES = [JSON_TYPE, LINES_TYPE, BYTES_TYPE] as const;
/** Where to go on, in the head of every answer that holds records. */
const NEXT = "sluice-next";
const KEY_HEADER = "sluice-key";
const HEADER_HEADER = "sluice-header";

const encoder = new TextEncoder();
const tags = ["records"];
const params = z.object({ topic: topicName });

const bytes = z.string().openapi({ format: "binary" });
const nextHeader = {
  [NEXT]: { schema: { type: "string" as const }, description: "`from` of the next request." },
};

const produce = createRoute({
  method: "post",
  path: "/v1/topics/{topic}/records",
  operationId: "produceRecords",
  tags,
  summary: "Produce records.",
  description: "By type of the body: JSON, one record or a list; lines of JSON, of any number, " +
    "which are produced while they arrive and answered line by line; or the value of one record " +
    "as it is, with key and headers in the query, or in the headers `Sluice-Key` and " +
    "`Sluice-Header: NAME=VALUE`. A list is not atomic: where a record fails, the problem says " +
    "in `records` what became of each.",
  security: needs("admin"),
  [BODY_LIMIT]: HTTP_RECORDS_SIZE_MAX,
  [BODY_STREAMS]: [LINES_TYPE],
  [UNTRACED]: true,
  request: {
    params,
    query: z.strictObject({
      key: z.string().optional().describe("Of a raw value."),
      partition: partitionNumber.optional().openapi({ description: "Of a raw value." }),
      timestamp: offsetNumber.optional().openapi({
        description: "Of a raw value: milliseconds since 1970. Default: now.",
      }),
      header: z.union([z.string(), z.array(z.string())]).optional().openapi({
        type: "array",
        items: { type: "string" },
        description: "Of a raw value: NAME=VALUE, as often as there are headers.",
      }),
      answer: z.enum(["each", "last"]).default("each").describe(
        "Of lines: an answer for each, or the last one only, for who does not read while it sends.",
      ),
    }),
    body: {
      required: true,
      content: {
        [JSON_TYPE]: { schema: newRecords },
        [LINES_TYPE]: { schema: linesOf("NewRecord").openapi({ format: "binary" }) },
        [BYTES_TYPE]: { schema: bytes },
        [TEXT_TYPE]: { schema: z.string() },
      },
    },
  },
  responses: {
    200: {
      description: "They are stored. Of lines: see the last line, which says so or why not.",
      content: {
        [JSON_TYPE]: {
          schema: z.object({ records: z.array(delivered).describe("In the order of the request.") })
            .openapi("DeliveredList"),
        },
        [LINES_TYPE]: { schema: linesOf("ProducedLine") },
      },
    },
    ...problems("admin", [
      "topic_not_found",
      "partition_not_found",
      "topic_is_internal",
      "batch_too_large",
      "partition_degraded",
      "http_delivery_timeout",
      "http_body_slow",
      ...OF_CHANGES,
    ], { body: true }),
  } as RouteConfig["responses"], // its bodies are of several types
});

const read = createRoute({
  method: "get",
  path: "/v1/topics/{topic}/records",
  operationId: "readRecords",
  tags,
  summary: "Read records.",
  description: "By `Accept`: JSON, lines of JSON, or the batches of one partition as they lie on " +
    "disk, whole, the first of which may begin before `from`. `next` (or the header " +
    "`Sluice-Next`) is `from` of the request that goes on.",
  security: needs("read"),
  request: {
    params,
    query: z.strictObject({
      from: startText.default("earliest"),
      partitions: partitionsText.optional(),
      maxRecords: numberText(1, HTTP_RECORDS_MAX).default(HTTP_RECORDS_DEFAULT).openapi({
        default: HTTP_RECORDS_DEFAULT,
        description: "Not of batches, which are whole.",
      }),
      maxBytes: numberText(1, HTTP_READ_SIZE_MAX).default(HTTP_READ_SIZE_DEFAULT).openapi({
        default: HTTP_READ_SIZE_DEFAULT,
        description: "A single larger record, or batch, is given all the same.",
      }),
      waitMs: numberText(0, HTTP_WAIT_MS_MAX).default(0).openapi({
        default: 0,
        description: "How long to wait where there is no record yet.",
      }),
    }),
  },
  responses: {
    200: {
      description: "What there is, in the order of offsets in each partition.",
      headers: nextHeader,
      content: {
        [JSON_TYPE]: {
          schema: z.object({ records: z.array(storedRecord), next: z.string() })
            .openapi("RecordList"),
        },
        [LINES_TYPE]: { schema: linesOf("Record") },
        [BYTES_TYPE]: { schema: bytes },
      },
    },
    ...problems("read", [
      "topic_not_found",
      "partition_not_found",
      "offset_out_of_range",
      "http_topic_replaced",
      "partition_degraded",
      "storage_failed",
      "http_not_acceptable",
    ]),
  },
});

type ProduceQuery = z.infer<typeof produce.request.query>;

export function addRecordRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(produce, async (c) => {
    const { topic } = c.req.valid("param");
    const query = c.req.valid("query");
    const producer = await engine.producer();
    const type = mediaType(c.req.header("content-type"));
    if (type === BYTES_TYPE || type === TEXT_TYPE) {
      const value = new Uint8Array(await c.req.arrayBuffer());
      const records = await sendAll(producer, topic, [{ ...rawParts(c, query), value }]);
      return c.json({ records }, 200);
    }
    refuseRawParts(c, query);
    if (type === LINES_TYPE) {
      const answersEach = query.answer === "each";
      const answers = await lineAnswers(c, engine, { producer, topic, answersEach });
      return c.body(answers, 200, { "content-type": LINES_TYPE });
    }
    const records = await sendAll(producer, topic, c.req.valid("json") as RecordPart[]);
    return c.json({ records }, 200);
  });
  app.openapi(read, async (c) => {
    const { topic } = c.req.valid("param");
    const { from, partitions, maxRecords, maxBytes, waitMs } = c.req.valid("query");
    const type = acceptedType(c.req.header("accept"));
    const limits = { records: maxRecords, bytes: maxBytes, waitMs };
    const at = await engine.use((admin) => begin(admin, topic, partitions, from));
    const connection = await engine.connect();
    const end = (): void => connection.close();
    const undrain = engine.onDrain(() => connection.abort(new ClosedError("HTTP door")));
    c.req.raw.signal.addEventListener("abort", end, { once: true });
    try {
      if (type === BYTES_TYPE) {
        const [place, another] = at.positions;
        if (place === undefined || another !== undefined) throw onePartition();
        const { bytes, positions } = await readBatches(connection, topic, place, limits);
        return c.body(bytes, 200, {
          "content-type": type,
          [NEXT]: positionsText(positions, at.tag),
        });
      }
      const isList = type === JSON_TYPE;
      const out = new JsonWriter();
      if (isList) out.text('{"records":[');
      const sink = { out, between: isList ? "," : "\n" };
      const { records, positions } = await readRecords(connection, topic, at, limits, sink);
      const next = positionsText(positions, at.tag);
      if (isList) out.text(`],"next":"${next}"}`);
      else if (records > 0) out.text("\n");
      return c.body(out.take(), 200, { "content-type": type, [NEXT]: next });
    } finally {
      undrain();
      end();
    }
  });
}

/** Sends them all; settles with where they are. Throws what became of each, where one failed. */
async function sendAll(
  producer: Producer,
  topic: string,
  records: readonly RecordPart[],
): Promise<Delivered[]> {
  const outcomes = await Promise.allSettled(
    records.map((record) => producer.send({ ...record, topic })),
  );
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined && records.length === 1) throw failed.reason;
  const told = outcomes.map((outcome) => {
    if (outcome.status === "fulfilled") return deliveredOf(outcome.value);
    const { name, code, detail } = problemOf(outcome.reason);
    return { name, code, ...(detail === undefined ? {} : { detail }) };
  });
  if (failed === undefined) return told as Delivered[];
  throw new ProblemError({ ...problemOf(failed.reason), records: told });
}

/** The answers as they come; but a mistake before anything was stored is the whole answer. */
async function lineAnswers(
  c: Context<AdminEnv>,
  engine: Engine,
  transfer: Pick<LineTransferOptions, "producer" | "topic" | "answersEach">,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const body = new BodyReader(c.req.raw.body, HTTP_STREAM_IDLE_MS);
  const lines = new LineTransfer({ ...transfer, body });
  const undrain = engine.onDrain(() => body.leave());
  const answers = lines.answers();
  const first = await answers.next();
  const { failure } = lines;
  if (failure !== null && lines.acknowledged === 0) {
    undrain();
    await answers.return();
    const { line, error } = failureText(failure);
    const issues = error.issues ?? [{ at: `line ${line}`, message: error.detail ?? error.title }];
    throw new ProblemError({ ...error, issues });
  }
  const all = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    try {
      if (first.done !== true) yield encoder.encode(first.value);
      for await (const text of answers) yield encoder.encode(text);
    } finally {
      undrain();
    }
  };
  const left = (): void => {
    undrain();
    void answers.return();
  };
  return streamBody(all(), { cut: c.env.cut, left, stallMs: HTTP_STREAM_IDLE_MS });
}

/** Key, headers, partition and time of a raw value, from its query and its request headers. */
function rawParts(c: Context<AdminEnv>, query: ProduceQuery): Omit<RecordPart, "value"> {
  const keys = [...query.key === undefined ? [] : [query.key], ...rawHeader(c, KEY_HEADER)];
  if (keys.length > 1) throw wrong("query.key", "there is more than one key");
  const texts = [query.header ?? []].flat();
  const headers: Headers = [...texts, ...rawHeader(c, HEADER_HEADER)].map(headerPair);
  return {
    key: keys[0] ?? null,
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.partition === undefined ? {} : { partition: query.partition }),
    ...(query.timestamp === undefined ? {} : { timestampMs: query.timestamp }),
  };
}

/** With other bodies they would be lost, which nobody who says them expects. */
function refuseRawParts(c: Context<AdminEnv>, query: ProduceQuery): void {
  for (const name of ["key", "partition", "timestamp", "header"] as const) {
    if (query[name] === undefined) continue;
    throw wrong(`query.${name}`, "only with a raw value; here it stands in the record");
  }
  for (const name of [KEY_HEADER, HEADER_HEADER]) {
    if (rawHeader(c, name).length > 0) throw wrong(`header.${name}`, "only with a raw value");
  }
}

/** The values of a request header: bytes are taken as UTF-8. */
function rawHeader(c: Context<AdminEnv>, name: string): string[] {
  const { rawHeaders } = c.env;
  return rawHeaders.flatMap((value, index) => {
    if (index % 2 === 0 || rawHeaders[index - 1]!.toLowerCase() !== name) return [];
    return [Buffer.from(value, "latin1").toString("utf8")];
  });
}

function headerPair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw wrong("query.header", `"${text}" is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The first type of ours that is named, whatever weight it has; JSON where any will do. */
function acceptedType(accept: string | undefined): typeof READ_TYPES[number] {
  const wanted = (accept ?? "*/*").split(",").map(mediaType);
  for (const type of wanted) {
    if (type === "*/*" || type === "application/*") return JSON_TYPE;
    const found = READ_TYPES.find((ours) => ours === type);
    if (found !== undefined) return found;
  }
  throw new HttpError("http_not_acceptable", `it answers with ${READ_TYPES.join(", ")}`);
}

function mediaType(text: string | undefined): string {
  return (text ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

function onePartition(): HttpError {
  return wrong("query.partitions", "batches are of one partition: name it");
}

function wrong(at: string, message: string): HttpError {
  return new HttpError("http_invalid_request", "", [{ at, message }]);
}
