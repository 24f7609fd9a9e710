/**
 * What may be asked at all: the rows of the gate, taken from the descriptions of the routes. A
 * path and a method that no description has do not exist.
 *
 *     GET   v1 topics {topic}    read    no body
 *     PATCH v1 topics {topic}    admin   application/json, 64 KiB
 *
 * Invariant: one path fits at most one pattern, so that the gate and the router never disagree.
 */

import { HTTP_BODY_SIZE_MAX } from "../limits.ts";
import type { Scope } from "./tokens.ts";

/** How a description says what the gate needs beyond OpenAPI's own words. */
export const BODY_LIMIT = "x-body-bytes-max";
/** Types whose bodies may come in chunks, without a length: the handler counts and bounds them. */
export const BODY_STREAMS = "x-body-streams";
/** A ticket in the query opens it, where no header can be sent. */
export const TAKES_TICKET = "x-ticket";
/** It is not traced, though it is no GET: it is asked very often, or changes nothing. */
export const UNTRACED = "x-untraced";

/** What the table reads of a description (OpenAPI's operation, with method and path). */
export interface RouteDescription {
  readonly method: string;
  /** `/v1/topics/{topic}` */
  readonly path: string;
  readonly operationId?: string | undefined;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[] | undefined;
  readonly request?: { readonly body?: { readonly content: object } | undefined } | undefined;
  readonly [BODY_LIMIT]?: number;
  readonly [BODY_STREAMS]?: readonly string[];
  readonly [TAKES_TICKET]?: boolean;
  readonly [UNTRACED]?: boolean;
}

export interface RouteRule {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  /** Its name in the document, and in metrics. */
  readonly operation: string;
  readonly scope: Scope;
  /** Content types that it takes; empty: it takes no body. */
  readonly bodyTypes: readonly string[];
  readonly bodyBytesMax: number;
  /** Those of them that may come without a length, and at any. */
  readonly streamedTypes: readonly string[];
  readonly takesTicket: boolean;
  /** What changes something is: who may do so holds the admin token or the socket. */
  readonly isTraced: boolean;
}

interface PathRow {
  /** Null: any segment. */
  readonly pattern: readonly (string | null)[];
  readonly rules: Map<string, RouteRule>;
}

/** Name of the security scheme in the descriptions; the scope stands behind it. */
export const BEARER = "bearer";

export class RouteTable {
  readonly #rows: PathRow[] = [];

  constructor(descriptions: readonly RouteDescription[]) {
    for (const description of descriptions) this.#add(description);
  }

  /** The rules of a path by method, or null. */
  find(segments: readonly string[]): ReadonlyMap<string, RouteRule> | null {
    return this.#rows.find(({ pattern }) => fits(pattern, segments))?.rules ?? null;
  }

  /** Every rule, for tests of all of them. */
  get rules(): readonly RouteRule[] {
    return this.#rows.flatMap(({ rules }) => [...rules.values()]);
  }

  #add(description: RouteDescription): void {
    const rule = ruleOf(description);
    const pattern = rule.path.slice(1).split("/").map((part) => part.startsWith("{") ? null : part);
    const met = this.#rows.find((row) => overlaps(row.pattern, pattern));
    if (met === undefined) {
      this.#rows.push({ pattern, rules: new Map([[rule.method, rule]]) });
      return;
    }
    const isSame = met.pattern.every((part, index) => part === pattern[index]);
    if (!isSame || met.rules.has(rule.method)) {
      throw new RangeError(`two routes fit ${rule.method} ${rule.path}`);
    }
    met.rules.set(rule.method, rule);
  }
}

function ruleOf(description: RouteDescription): RouteRule {
  const { method, path, security = [], request } = description;
  return {
    method: method.toUpperCase(),
    path,
    operation: description.operationId ?? `${method} ${path}`,
    scope: scopeOf(security),
    bodyTypes: Object.keys(request?.body?.content ?? {}),
    bodyBytesMax: description[BODY_LIMIT] ?? HTTP_BODY_SIZE_MAX,
    streamedTypes: description[BODY_STREAMS] ?? [],
    takesTicket: description[TAKES_TICKET] ?? false,
    isTraced: method !== "get" && description[UNTRACED] !== true,
  };
}

/** Nothing said: a token that may do everything. An empty requirement: none. */
function scopeOf(security: NonNullable<RouteDescription["security"]>): Scope {
  const [first] = security;
  if (first === undefined) return "admin";
  if (Object.keys(first).length === 0) return "none";
  return first[BEARER]?.[0] === "read" ? "read" : "admin";
}

function fits(pattern: PathRow["pattern"], segments: readonly string[]): boolean {
  return pattern.length === segments.length &&
    pattern.every((part, index) => part === null || part === segments[index]);
}

function overlaps(one: PathRow["pattern"], other: PathRow["pattern"]): boolean {
  return one.length === other.length && one.every((part, index) => {
    const against = other[index];
    return part === null || against === null || part === against;
  });
}
