/**
 * Answers to those whose bytes have come from the disk, or could not be read. Hot.
 *
 * Invariant: everybody in the list is served once, whoever leaves it meanwhile: an answer may end
 * other waits, and those leave their place empty.
 */

import { shorten } from "../base/shorten.ts";
import type { Broker, Door } from "./broker.ts";
import { completeColdFetch } from "./fetch.ts";
import { FetchWaiter } from "./fetch_waiters.ts";
import { continueCold, Subscription } from "./subscriptions.ts";

/** Serves all that are ready. One that has to wait again comes back later, never in this call. */
export function answerCold(broker: Broker, nowMs: number, door: Door): void {
  const { coldReads } = broker;
  if (coldReads === null) return;
  const { ready } = coldReads;
  for (let i = 0; i < ready.length; i += 1) {
    const waiter = ready[i]!;
    if (waiter instanceof FetchWaiter) completeColdFetch(broker, waiter, nowMs, door);
    if (waiter instanceof Subscription) continueCold(broker, waiter, door);
  }
  shorten(ready, 0);
}
