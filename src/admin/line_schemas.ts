/**
 * Lines of JSON in the descriptions of routes. OpenAPI 3.1 describes such a body as one text; what
 * a line of it is stands beside that, for people and for the typed client.
 *
 *     "application/x-ndjson": { schema: { type: "string", "x-line": { $ref: … } } }
 *
 * Invariant: every name that `linesOf` is given is that of a component.
 */

import { z } from "@hono/zod-openapi";
import { SEVERITIES, type VerifyEvent } from "../base/verify_event.ts";
import { LEVEL_NAMES } from "../format/levels.ts";
import type { AdminApp } from "./app.ts";
import { problemSchema } from "./describe.ts";
import { registerNewRecord } from "./records/record_schemas.ts";

/** A body of lines, each of the component of this name. */
export function linesOf(
  component: "NewRecord" | "Record" | "ProducedLine" | "VerifyLine",
): z.ZodString {
  return z.string().openapi({ "x-line": { $ref: `#/components/schemas/${component}` } });
}

const count = z.number().int();

export const verifyLine: z.ZodType<VerifyEvent> = z.union([
  z.object({ kind: z.literal("progress"), doneBytes: count, totalBytes: count }),
  z.object({
    kind: z.literal("finding"),
    severity: z.enum(SEVERITIES),
    path: z.string(),
    text: z.string(),
    advice: z.string(),
  }),
  z.object({
    kind: z.literal("summary"),
    segments: count,
    batches: count,
    records: count,
    bytes: count,
    findings: z.object({ damage: count, warning: count, unread: count, note: count }).describe(
      "How many, by severity.",
    ),
  }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
  z.object({ kind: z.literal("cancelled") }),
]);

const line = count.describe("Counted from 1.");

/** The one that says most comes first: the last line has what a refused one has. */
export const producedLine: z.ZodType<object> = z.union([
  z.object({
    acknowledged: count.describe("Records that are stored."),
    level: z.enum(LEVEL_NAMES).nullable().describe("The weakest that was reached."),
    partitions: z.array(z.object({ partition: count, records: count, lastOffset: count })),
    line: count.optional().describe("Where it ended early."),
    error: problemSchema.optional().describe("Why it did."),
  }).describe("The last line."),
  z.object({ line, partition: count, offset: count, level: z.enum(LEVEL_NAMES) })
    .describe("Where its record is."),
  z.object({ line, error: problemSchema }).describe("Why there is none."),
]);

export function registerLines(app: AdminApp): void {
  const { openAPIRegistry } = app;
  registerNewRecord(app);
  openAPIRegistry.register("ProducedLine", producedLine);
  openAPIRegistry.register("VerifyLine", verifyLine);
}
