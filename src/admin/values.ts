/** Values that several routes take, as schemas. */

import { z } from "@hono/zod-openapi";
import { PARTITIONS_PER_TOPIC_MAX, TOPIC_NAME_SIZE_MAX } from "../limits.ts";

export const topicName: z.ZodString = z.string().min(1).max(TOPIC_NAME_SIZE_MAX)
  .regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]+$/, "1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..");

/** In a path or a query, where numbers are text. */
export type NumberText = z.ZodType<number, string | number>;

/** Digits alone: nothing that only some readers take for a number. */
export function numberText(min: number, max: number): NumberText {
  const digits = z.string().regex(/^(0|[1-9]\d{0,15})$/, "a number in digits").transform(Number);
  return digits.pipe(z.number().int().min(min).max(max))
    .openapi({ type: "integer", minimum: min, maximum: max }) as unknown as NumberText;
}

export const partitionNumber: NumberText = numberText(0, PARTITIONS_PER_TOPIC_MAX - 1);
export const offsetNumber: NumberText = numberText(0, Number.MAX_SAFE_INTEGER);
export const connectionNumber: NumberText = numberText(0, Number.MAX_SAFE_INTEGER);

type Changes = Record<string, string | number | boolean | null>;

/** Settings to set by name; null: follows the default again. */
export const changes: z.ZodType<Changes> = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null()]),
).refine((found) => Object.keys(found).length > 0, "at least one setting").openapi({
  minProperties: 1,
  description: "Settings to set by name; null: follows the default again.",
}) as unknown as z.ZodType<Changes>;
