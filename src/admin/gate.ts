/**
 * The one place where a request is let in or refused, before anything else looks at it. Deny by
 * default: what no route describes does not exist.
 *
 *     connection cap -> time and size of the head            serve.ts, by node:http
 *     -> Host -> path and method -> Origin -> token -> scope -> body     here, in this order
 *     -> handler                                             routes/
 *
 * There are no cookies, so a page of another origin has nothing to ride on; Host is checked, so a
 * name that was bound anew to 127.0.0.1 does not reach us; and no preflight is ever answered.
 * On the Unix socket the permissions of its file stand for Host and token. A stream may be opened
 * with a ticket (tickets.ts) in the place of a token.
 *
 * Invariant: whoever is admitted has the scope of the route, and the route is the one that the
 * router will find.
 */

import { type Address, listenerText } from "../address.ts";
import type { HttpConfig } from "../config.ts";
import type { ErrorName } from "../format/errors.ts";
import { parseTarget } from "./request_target.ts";
import type { RouteRule, RouteTable } from "./route_table.ts";
import { type OpenTicket, type Tickets, withoutTicket } from "./tickets.ts";
import { covers, type Scope, type Tokens } from "./tokens.ts";

/** A request as it came, nothing normalised. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value … */
  readonly rawHeaders: readonly string[];
  /** It came by the Unix socket. */
  readonly isLocal: boolean;
}

export interface Admission {
  readonly rule: RouteRule;
  readonly scope: Scope;
  /** What it was let in with, if that was a ticket: it is told when the answer has ended. */
  readonly ticket: OpenTicket | null;
}

export interface Refusal {
  readonly refused: ErrorName;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface GateOptions {
  readonly routes: RouteTable;
  readonly tokens: Tokens;
  readonly tickets: Tickets;
  /** What Host may say on TCP, with port, in lower case; see `allowedHosts`. */
  readonly hosts: ReadonlySet<string>;
}

/** Of http and https, which a proxy may have ended: a client leaves its own out. */
const UNSAID_PORTS = [80, 443];
/** Names of this machine, in its own words. */
const LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]"];

/** What Host may say of a listener: its addresses, this machine's names there, and `hosts`. */
export function allowedHosts(
  listen: Address,
  { hosts, advertised }: Pick<HttpConfig, "hosts" | "advertised">,
): Set<string> {
  const addresses = advertised === undefined ? [listen] : [listen, advertised];
  const configured = hosts.split(",").filter((name) => name !== "");
  const names = [
    ...addresses.map(listenerText),
    ...addresses.flatMap(({ port }) => LOCAL_NAMES.map((name) => `${name}:${port}`)),
    ...configured.map((name) => name.includes(":") ? name : `${name}:${listen.port}`),
  ];
  return new Set(names.map((name) => name.toLowerCase()));
}

export class Gate {
  readonly #routes: RouteTable;
  readonly #tokens: Tokens;
  readonly #tickets: Tickets;
  readonly #hosts: ReadonlySet<string>;

  constructor({ routes, tokens, tickets, hosts }: GateOptions) {
    this.#routes = routes;
    this.#tokens = tokens;
    this.#tickets = tickets;
    this.#hosts = hosts;
  }

  admit(head: RequestHead): Admission | Refusal {
    const host = this.#checkHost(head);
    if (typeof host !== "string") return host;
    const rule = this.#findRule(head);
    if ("refused" in rule) return rule;
    const foreign = checkOrigin(head, host);
    if (foreign !== null) return foreign;
    const held = this.#authorise(head, rule);
    if ("refused" in held) return held;
    const wrong = checkBody(head, rule);
    if (wrong !== null) held.ticket?.end();
    return wrong ?? { rule, ...held };
  }

  /** The host that was asked, as it was written. */
  #checkHost({ rawHeaders, isLocal }: RequestHead): string | Refusal {
    const [host = "", ...more] = valuesOf(rawHeaders, "host");
    if (isLocal) return host;
    if (more.length > 0) return refusal("http_host_refused", "more than one Host");
    const ports = /:\d+$/.test(host) ? [""] : UNSAID_PORTS.map((port) => `:${port}`);
    if (ports.some((port) => this.#hosts.has(`${host}${port}`.toLowerCase()))) return host;
    return refusal("http_host_refused");
  }

  #findRule({ method, target }: RequestHead): RouteRule | Refusal {
    const segments = parseTarget(target);
    const rules = segments === null ? null : this.#routes.find(segments);
    if (rules === null) return refusal("http_path_not_found");
    const rule = rules.get(method);
    if (rule !== undefined) return rule;
    return refusal("http_method_not_allowed", "", { allow: [...rules.keys()].join(", ") });
  }

  #authorise(head: RequestHead, rule: RouteRule): Omit<Admission, "rule"> | Refusal {
    const { rawHeaders, isLocal } = head;
    if (rule.scope === "none") return { scope: "none", ticket: null };
    if (rule.takesTicket && !isLocal && valuesOf(rawHeaders, "authorization").length === 0) {
      const withTicket = this.#openByTicket(head, rule);
      if (withTicket !== null) return withTicket;
    }
    const scope = isLocal ? "admin" : this.#tokens.scopeOf(bearerOf(rawHeaders));
    if (scope === "none") return refusal("http_token_required");
    return covers(scope, rule.scope) ? { scope, ticket: null } : refusal("http_scope_too_small");
  }

  /** Null: there is no ticket. With one, the scope is what the route needs and no more. */
  #openByTicket(
    { target, rawHeaders }: RequestHead,
    rule: RouteRule,
  ): Omit<Admission, "rule"> | Refusal | null {
    const asked = withoutTicket(target);
    if (asked.ticket === null) return null;
    const isResuming = valuesOf(rawHeaders, "last-event-id").length > 0;
    const ticket = this.#tickets.open(asked.ticket, asked.target, isResuming);
    if (typeof ticket === "string") return refusal("http_ticket_refused", ticket);
    return { scope: rule.scope, ticket };
  }
}

/** A page sends its origin with all but plain reads: only one of our own may ask. */
function checkOrigin({ rawHeaders, isLocal }: RequestHead, host: string): Refusal | null {
  const origins = valuesOf(rawHeaders, "origin");
  if (origins.length === 0) return null;
  const own = [`http://${host}`, `https://${host}`].map((text) => text.toLowerCase());
  const [origin = ""] = origins;
  const isOwn = !isLocal && origins.length === 1 && own.includes(origin.toLowerCase());
  return isOwn ? null : refusal("http_origin_refused");
}

/** Empty where there is none, or more than one. */
function bearerOf(rawHeaders: readonly string[]): string {
  const values = valuesOf(rawHeaders, "authorization");
  if (values.length !== 1) return "";
  return /^bearer +([\x21-\x7e]+) *$/i.exec(values[0]!)?.[1] ?? "";
}

function checkBody({ rawHeaders }: RequestHead, rule: RouteRule): Refusal | null {
  const [length, ...more] = valuesOf(rawHeaders, "content-length");
  const isChunked = valuesOf(rawHeaders, "transfer-encoding").length > 0;
  const hasBody = isChunked || (length !== undefined && length !== "0");
  if (rule.bodyTypes.length === 0) {
    return hasBody ? refusal("http_invalid_request", "the route takes no body") : null;
  }
  const isStreamed = rule.streamedTypes.includes(typeOf(rawHeaders));
  const bytesMax = isStreamed ? Number.MAX_SAFE_INTEGER : rule.bodyBytesMax;
  const isTooLarge = length !== undefined && !(Number(length) <= bytesMax);
  if (isTooLarge || more.length > 0) {
    return refusal("http_body_too_large", `at most ${rule.bodyBytesMax} bytes`);
  }
  const wrong = checkContentType(rawHeaders, rule);
  if (wrong !== null) return wrong;
  const hasLength = length !== undefined && !isChunked;
  return hasLength || (isStreamed && isChunked) ? null : refusal("http_length_required");
}

/** Compressed bodies are refused rather than bounded: nobody needs them here. */
function checkContentType(rawHeaders: readonly string[], rule: RouteRule): Refusal | null {
  const encodings = valuesOf(rawHeaders, "content-encoding");
  const isPlain = encodings.every((encoding) => encoding.toLowerCase() === "identity");
  if (isPlain && rule.bodyTypes.includes(typeOf(rawHeaders))) return null;
  return refusal("http_content_type_unsupported", `it takes ${rule.bodyTypes.join(", ")}`);
}

/** The type of the body without its parameters; empty where there is none, or more than one. */
function typeOf(rawHeaders: readonly string[]): string {
  const types = valuesOf(rawHeaders, "content-type");
  const [type = ""] = (types[0] ?? "").toLowerCase().split(";", 1);
  return types.length === 1 ? type.trim() : "";
}

function refusal(
  refused: ErrorName,
  detail: string = "",
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return { refused, detail, headers };
}

/** The values of a header, one for each time it stands there. `name` in lower case. */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const found: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() === name) found.push(rawHeaders[at + 1]!);
  }
  return found;
}
