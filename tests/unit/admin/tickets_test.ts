/** Tickets: once at a time, for one target, within their time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type OpenTicket, Tickets, withoutTicket, withTicket } from "../../../src/admin/tickets.ts";
import { HTTP_TICKET_MS, HTTP_TICKETS_MAX } from "../../../src/limits.ts";

const TARGET = "/v1/topics/t/stream?from=earliest";

function clocked(): { tickets: Tickets; clock: { nowMs: number } } {
  const clock = { nowMs: 1000 };
  return { clock, tickets: new Tickets(() => clock.nowMs) };
}

function opened(found: OpenTicket | string): OpenTicket {
  assert.notEqual(typeof found, "string", String(found));
  return found as OpenTicket;
}

test("a ticket opens its stream, once at a time, and goes on with Last-Event-ID", () => {
  const { tickets } = clocked();
  const ticket = tickets.issue(TARGET);
  assert.match(ticket, /^[\w-]{43}$/);
  assert.notEqual(ticket, tickets.issue(TARGET));
  const first = opened(tickets.open(ticket, TARGET, false));
  assert.equal(tickets.open(ticket, TARGET, false), "it is in use");
  assert.equal(tickets.open(ticket, TARGET, true), "it is in use");
  first.end();
  assert.match(String(tickets.open(ticket, TARGET, false)), /^it was used/);
  const second = opened(tickets.open(ticket, TARGET, true));
  first.end();
  assert.equal(tickets.open(ticket, TARGET, true), "it is in use", "an old end ends nothing");
  second.end();
  opened(tickets.open(ticket, TARGET, true));
});

test("it is for the target as it was written, and another one does not use it up", () => {
  const { tickets } = clocked();
  const ticket = tickets.issue(TARGET);
  for (const other of ["/v1/topics/u/stream?from=earliest", "/v1/topics/t/stream", `${TARGET}&`]) {
    assert.equal(tickets.open(ticket, other, false), "it is for another stream");
  }
  assert.match(String(tickets.open(`${ticket}x`, TARGET, false)), /^it is none of this broker/);
  opened(tickets.open(ticket, TARGET, false));
});

test("its time goes from the issue to the first use, and from an end to the next", () => {
  const { tickets, clock } = clocked();
  const late = tickets.issue(TARGET);
  const good = tickets.issue(TARGET);
  clock.nowMs += HTTP_TICKET_MS;
  const stream = opened(tickets.open(good, TARGET, false));
  clock.nowMs += 1;
  assert.equal(tickets.open(late, TARGET, false), "its time is over");
  clock.nowMs += 10 * HTTP_TICKET_MS;
  assert.equal(tickets.open(good, TARGET, true), "it is in use", "however long that takes");
  stream.end();
  clock.nowMs += HTTP_TICKET_MS;
  opened(tickets.open(good, TARGET, true)).end();
  clock.nowMs += HTTP_TICKET_MS + 1;
  assert.equal(tickets.open(good, TARGET, true), "its time is over");
});

test("those of no use are forgotten, and where there are too many the oldest unused one", () => {
  const { tickets, clock } = clocked();
  const open = tickets.issue(TARGET);
  const stream = opened(tickets.open(open, TARGET, false));
  const oldest = tickets.issue(TARGET);
  const second = tickets.issue(TARGET);
  for (let count = 4; count <= HTTP_TICKETS_MAX; count += 1) tickets.issue(TARGET);
  assert.equal(typeof tickets.open(oldest, TARGET, false), "object", "there was room for all");
  const unused = tickets.issue(TARGET);
  assert.match(String(tickets.open(second, TARGET, false)), /^it is none of this broker/);
  clock.nowMs += HTTP_TICKET_MS + 1;
  tickets.issue(TARGET);
  assert.match(String(tickets.open(unused, TARGET, false)), /^it is none of this broker/);
  stream.end();
  assert.equal(typeof tickets.open(open, TARGET, true), "object", "an open one is never forgotten");
});

test("a target with a ticket is what it was without it", () => {
  for (const target of ["/a", "/a?b=c", "/a?b=c&d"]) {
    assert.deepEqual(withoutTicket(withTicket(target, "x")), { target, ticket: "x" });
  }
  assert.deepEqual(withoutTicket("/a?ticket=x&b=c"), { target: "/a?b=c", ticket: "x" });
  for (const none of ["/a", "/a?b=ticket", "/a?ticket=x&ticket=y", "/a?xticket=x", "/a?Ticket=x"]) {
    assert.deepEqual(withoutTicket(none), { target: none, ticket: null });
  }
});
