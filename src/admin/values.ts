/** Values that several routes take, as schemas. */

import { z } from "@hono/zod-openapi";
import { GROUP_ID_SIZE_MAX, PARTITIONS_PER_TOPIC_MAX, TOPIC_NAME_SIZE_MAX } from "../limits.ts";

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

/**
 * A group in a path, which no slash can stand in: `~1` is a slash and `~0` a tilde, as in JSON
 * pointers (RFC 6901).
 */
export const groupName: z.ZodType<string, string> = z.string()
  .regex(/^(?:[^~]|~[01])+$/, "~1 for a slash, ~0 for a tilde")
  .transform((text) => text.replaceAll("~1", "/").replaceAll("~0", "~"))
  .pipe(z.string().max(GROUP_ID_SIZE_MAX))
  .openapi({
    type: "string",
    minLength: 1,
    maxLength: GROUP_ID_SIZE_MAX,
    pattern: "^(?:[^~]|~[01])+$",
    description: "`~1` stands for a slash, `~0` for a tilde.",
    // Who has the typed client writes the name as it is.
    "x-escaped": true,
  }) as unknown as z.ZodType<string, string>;
