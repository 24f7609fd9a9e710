/**
 * Settings in the bodies of requests: which there are and what they may be is described from the
 * tables of the settings themselves. The engine, which knows the same tables, judges them; its
 * answer says what would be right.
 */

import { z } from "@hono/zod-openapi";
import { allowedOf, CHANGEABLE_SETTINGS } from "../format/broker_settings.ts";
import { type Allowed, TOPIC_SETTINGS } from "../format/topic_config.ts";

type Value = string | number | boolean | null;
type Settings = Record<string, Value>;
type Described = readonly (readonly [key: string, allowed: Allowed])[];

const OF_TOPICS: Described = TOPIC_SETTINGS.map(({ key, allowed }) => [key, allowed]);
const OF_THE_BROKER: Described = CHANGEABLE_SETTINGS.map((key) => [key, allowedOf(key)]);

/** Settings of a topic that is to be. */
export const newTopicSettings: z.ZodType<Record<string, string | number>> = z.record(
  z.string(),
  z.union([z.string(), z.number()]),
).default({}).openapi({
  description: "Settings; the others follow the broker.",
  default: {},
  ...described(OF_TOPICS, false),
}) as unknown as z.ZodType<Record<string, string | number>>;

export const topicChanges: z.ZodType<Settings> = changes(OF_TOPICS);
export const brokerChanges: z.ZodType<Settings> = changes(OF_THE_BROKER);

/** Settings to set by name. */
function changes(settings: Described): z.ZodType<Settings> {
  return z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .refine((found) => Object.keys(found).length > 0, "at least one setting")
    .openapi({
      minProperties: 1,
      description: "Settings to set by name; null: follows the default again.",
      ...described(settings, true),
    }) as unknown as z.ZodType<Settings>;
}

function described(settings: Described, mayBeNull: boolean): object {
  const properties = settings.map(([key, allowed]) => {
    const forms = [...formsOf(allowed), ...(mayBeNull ? [{ type: "null" }] : [])];
    return [key, forms.length === 1 ? forms[0] : { anyOf: forms }];
  });
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

/** A number may be written as text, which is how answers have it. */
function formsOf(allowed: Allowed): object[] {
  if ("pattern" in allowed) return [{ type: "string", pattern: allowed.pattern }];
  if (!("words" in allowed)) {
    const { min: minimum, max: maximum } = allowed;
    return [{ type: "integer", minimum, maximum }, { type: "string", pattern: "^(-1|\\d{1,15})$" }];
  }
  const isYesOrNo = allowed.words.includes("true");
  return [{ type: "string", enum: allowed.words }, ...(isYesOrNo ? [{ type: "boolean" }] : [])];
}
