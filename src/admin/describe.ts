/**
 * The words that all descriptions of routes are made of: which scope a route needs, what it
 * answers, and which problems it may answer with.
 */

import { z } from "@hono/zod-openapi";
import { describeError, ErrorCodes, type ErrorName } from "../format/errors.ts";
import { type Problem, PROBLEM_TYPE, STATUS } from "./problem.ts";
import { BEARER } from "./route_table.ts";
import type { Scope } from "./tokens.ts";

export const problemSchema: z.ZodType<Problem> = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.number().int(),
  name: z.string(),
  retriable: z.boolean(),
  hint: z.string(),
  detail: z.string().optional(),
  issues: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
  records: z.array(z.looseObject({})).optional().describe(
    "Of a list of records: where each is, or `name` and `code` of why it is not.",
  ),
}).openapi("Problem") as unknown as z.ZodType<Problem>;

/** What stands in `security` of a description. */
export function needs(scope: Scope): Record<string, string[]>[] {
  return scope === "none" ? [{}] : [{ [BEARER]: [scope] }];
}

interface JsonContent<S> {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: S } };
}

/** An answer in JSON. */
export function json<S extends z.ZodType>(schema: S, description: string): JsonContent<S> {
  return { description, content: { "application/json": { schema } } };
}

/** A body in JSON, which has to be there. */
export function body<S extends z.ZodType>(
  schema: S,
): { content: { "application/json": { schema: S } }; required: true } {
  return { content: { "application/json": { schema } }, required: true };
}

/** Problems of the gate, and of a broker that cannot answer. */
const OF_EVERY_ROUTE: readonly ErrorName[] = [
  "http_invalid_request",
  "http_host_refused",
  "http_origin_refused",
  "internal",
];
const OF_TOKENS: readonly ErrorName[] = ["http_token_required", "http_scope_too_small"];
const OF_THE_ENGINE: readonly ErrorName[] = [
  "http_starting",
  "http_engine_unreachable",
  "shutting_down",
];
const OF_BODIES: readonly ErrorName[] = [
  "http_body_too_large",
  "http_length_required",
  "http_content_type_unsupported",
];
/** What anything may meet that is written to disk. */
export const OF_CHANGES: readonly ErrorName[] = [
  "disk_full",
  "disk_read_only",
  "storage_failed",
  "storage_busy",
];

/**
 * The problems of a route by status, for its `responses`: those named, and those that every route
 * of this kind may answer with. Typed as nothing, because handlers do not return but throw them.
 */
export function problems(
  scope: Scope,
  own: readonly ErrorName[] = [],
  has: { readonly body?: boolean } = {},
): object {
  const names = new Set([
    ...OF_EVERY_ROUTE,
    ...(scope === "none" ? [] : [...OF_TOKENS, ...OF_THE_ENGINE]),
    ...(has.body === true ? OF_BODIES : []),
    ...own,
  ]);
  const byStatus = new Map<number, ErrorName[]>();
  for (const name of names) {
    byStatus.set(STATUS[name], [...byStatus.get(STATUS[name]) ?? [], name]);
  }
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, {
    description: some.map(described).join("\n"),
    content: { [PROBLEM_TYPE]: { schema: problemSchema } },
  }]));
}

function described(name: ErrorName): string {
  return `\`${name}\`: ${describeError(ErrorCodes[name]).text}`;
}
