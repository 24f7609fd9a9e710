/**
 * Pages of lists: sorted by a key that no two entries share, so that a page begins behind the key
 * that the last one ended with, whatever came or went in between.
 *
 *     GET …?limit=2          { "entries": [a, b], "next": "b" }
 *     GET …?limit=2&after=b  { "entries": [c], "next": null }
 */

import { z } from "@hono/zod-openapi";
import { HTTP_PAGE_DEFAULT, HTTP_PAGE_MAX } from "../limits.ts";
import { type NumberText, numberText } from "./values.ts";

export interface PageWanted {
  readonly limit: number;
  readonly order: "asc" | "desc";
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly entries: T[];
  /** What `after` of the next page is; null: this is the last one. */
  readonly next: string | null;
}

/** Fields of a query, for `z.strictObject`. */
export interface PageQuery {
  readonly limit: z.ZodDefault<NumberText>;
  readonly order: z.ZodDefault<z.ZodEnum<{ asc: "asc"; desc: "desc" }>>;
  readonly after: z.ZodOptional<z.ZodString>;
}

export function pageQuery(keyName: string): PageQuery {
  return {
    limit: numberText(1, HTTP_PAGE_MAX).default(HTTP_PAGE_DEFAULT)
      .openapi({ default: HTTP_PAGE_DEFAULT, description: "Entries of a page." }),
    order: z.enum(["asc", "desc"]).default("asc").describe(`Order, by ${keyName}.`),
    after: z.string().optional().describe("`next` of the page before."),
  };
}

/** `next` of a page. */
export const nextSchema: z.ZodNullable<z.ZodString> = z.string().nullable()
  .describe("`after` of the next page; null: there is none.");

/** One page of `all`, which need not be sorted; keys compare by their code units. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (entry: T) => string,
  { limit, order, after }: PageWanted,
): Page<T> {
  const sign = order === "asc" ? 1 : -1;
  const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -sign : sign);
  const behind = all.filter((entry) => after === undefined || compare(keyOf(entry), after) > 0)
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
  const entries = behind.slice(0, limit);
  const last = entries.at(-1);
  return { entries, next: behind.length > limit && last !== undefined ? keyOf(last) : null };
}
