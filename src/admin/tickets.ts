/**
 * Tickets for streams. EventSource cannot send a header, and a token in an address would stay in
 * histories and logs; a ticket is worth one stream, for a moment.
 *
 *     issued -> open -> ended -> open (with Last-Event-ID) -> ended …
 *        |                |
 *        after HTTP_TICKET_MS unused it is worth nothing
 *
 * Whoever steals one can do no more with it than its owner was about to do: read that stream,
 * where nobody reads it, within the half minute.
 *
 * Invariant: a ticket is open once at a time, for the target that it was issued for, written as it
 * was then.
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { HTTP_TICKET_MS, HTTP_TICKETS_MAX } from "../limits.ts";

const TICKET_BYTES = 32;
const PARAMETER = "ticket=";

/** A ticket in use. */
export interface OpenTicket {
  /** The stream has ended; the second time does nothing. */
  end(): void;
}

interface Ticket {
  /** Path and query, without the ticket. */
  readonly target: string;
  state: "issued" | "open" | "ended";
  /** Of no use after this, unless it is open. */
  untilMs: number;
}

export class Tickets {
  readonly #nowMs: () => number;
  /** By digest, the oldest first. */
  readonly #tickets: Map<string, Ticket> = new Map();

  /** `nowMs`: a clock that only goes forward. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A ticket for a GET of `target`. Where there are too many, the oldest unused one goes. */
  issue(target: string): string {
    this.#forgetOld();
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    const untilMs = this.#nowMs() + HTTP_TICKET_MS;
    this.#tickets.set(digestOf(ticket), { target, state: "issued", untilMs });
    return ticket;
  }

  /** Opens a stream, or says why not. */
  open(ticket: string, target: string, isResuming: boolean): OpenTicket | string {
    const found = this.#tickets.get(digestOf(ticket));
    if (found === undefined) return "it is none of this broker, or its time is over";
    if (found.state === "open") return "it is in use";
    if (this.#nowMs() > found.untilMs) return "its time is over";
    if (found.target !== target) return "it is for another stream";
    if (found.state === "ended" && !isResuming) {
      return "it was used: with Last-Event-ID it goes on, from the start it does not";
    }
    found.state = "open";
    let isOpen = true;
    const end = (): void => {
      if (!isOpen) return; // it may be open again by now, for somebody else
      isOpen = false;
      found.state = "ended";
      found.untilMs = this.#nowMs() + HTTP_TICKET_MS;
    };
    return { end };
  }

  #forgetOld(): void {
    const nowMs = this.#nowMs();
    for (const [digest, { state, untilMs }] of this.#tickets) {
      if (state !== "open" && nowMs > untilMs) this.#tickets.delete(digest);
    }
    for (const [digest, { state }] of this.#tickets) {
      if (this.#tickets.size < HTTP_TICKETS_MAX) return;
      if (state !== "open") this.#tickets.delete(digest);
    }
  }
}

/** A request target, and the ticket that stood in its query; null: none, or more than one. */
export function withoutTicket(target: string): { target: string; ticket: string | null } {
  const at = target.indexOf("?");
  if (at < 0) return { target, ticket: null };
  const parts = target.slice(at + 1).split("&");
  const tickets = parts.filter((part) => part.startsWith(PARAMETER));
  if (tickets.length !== 1) return { target, ticket: null };
  const rest = parts.filter((part) => !part.startsWith(PARAMETER));
  const query = rest.length === 0 ? "" : `?${rest.join("&")}`;
  return { target: target.slice(0, at) + query, ticket: tickets[0]!.slice(PARAMETER.length) };
}

/** The same target with a ticket. */
export function withTicket(target: string, ticket: string): string {
  return `${target}${target.includes("?") ? "&" : "?"}${PARAMETER}${ticket}`;
}

/** Compared by digest, so that the time a look-up takes says nothing about a ticket. */
function digestOf(ticket: string): string {
  return createHash("sha256").update(Buffer.from(ticket, "utf8")).digest("base64");
}
