/** Records in the descriptions of routes. How they are read is client/record_json.ts alone. */

import { z } from "@hono/zod-openapi";
import { FormatError, recordOf, type RecordPart } from "../../client/record_json.ts";
import { HTTP_RECORDS_MAX } from "../../limits.ts";
import type { AdminApp } from "../app.ts";

const text = { type: "string" as const };
const base64 = {
  type: "string" as const,
  contentEncoding: "base64",
  pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
};
const nullable = { type: ["string", "null"] as ("string" | "null")[] };

const header = {
  type: "object" as const,
  required: ["name"],
  properties: { name: text, value: nullable, valueBase64: base64 },
};

const newRecord = {
  type: "object" as const,
  description:
    "Bytes that are no text stand as base64 in the field of that name. A value that is " +
    "other JSON than text is stored as JSON. `topic` and `offset` may stand there and are not " +
    "looked at, so that what was read may be sent again.",
  additionalProperties: false,
  properties: {
    key: { description: "Records of one key go to one partition." },
    keyBase64: base64,
    value: { description: "null or none: a tombstone." },
    valueBase64: base64,
    headers: {
      anyOf: [{ type: "object" as const }, { type: "array" as const, items: header }],
      description: "By name, or a list, where a name may come more than once.",
    },
    timestamp: {
      anyOf: [
        { type: "integer" as const, minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        { type: "string" as const, format: "date-time" },
      ],
      description: "Milliseconds since 1970, or a time as text. Default: now.",
    },
    partition: {
      type: "integer" as const,
      minimum: 0,
      description: "Default: as the key says.",
    },
    topic: text,
    offset: { type: "integer" as const },
  },
};

const NEW_RECORD = { $ref: "#/components/schemas/NewRecord" };

/** Lines are of it too, which are described as text. */
export function registerNewRecord({ openAPIRegistry }: AdminApp): void {
  openAPIRegistry.registerComponent("schemas", "NewRecord", newRecord);
}

/** What is sent: one record, or a list, as records. */
export const newRecords: z.ZodType<RecordPart[], unknown> = z.unknown()
  .transform((value, context) => {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.length === 0 || list.length > HTTP_RECORDS_MAX) {
      context.addIssue({ code: "custom", message: `1 to ${HTTP_RECORDS_MAX} records` });
      return z.NEVER;
    }
    return list.flatMap((item, index) => {
      try {
        return [recordOf(item)];
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        const path = Array.isArray(value) ? [index] : [];
        context.addIssue({ code: "custom", message: error.message, path });
        return [];
      }
    });
  }).openapi("NewRecords", {
    anyOf: [
      NEW_RECORD,
      { type: "array", minItems: 1, maxItems: HTTP_RECORDS_MAX, items: NEW_RECORD },
    ],
    description: "One record, or a list.",
  }) as unknown as z.ZodType<RecordPart[], unknown>;

/** What is read. */
export const storedRecord: z.ZodType<object> = z.looseObject({}).openapi("Record", {
  type: "object",
  required: ["topic", "partition", "offset", "timestamp"],
  description: "Bytes that are no text stand as base64 in the field of that name.",
  properties: {
    topic: text,
    partition: { type: "integer" },
    offset: { type: "integer" },
    timestamp: { type: "integer", description: "Milliseconds since 1970." },
    key: nullable,
    keyBase64: base64,
    value: nullable,
    valueBase64: base64,
    headers: { type: "array", items: header },
  },
}) as unknown as z.ZodType<object>;
