/**
 * Answers to those whose bytes have come from the disk, or could not be read. Hot.
 *
 * Who has no answer to give is not served here, but looks at itself in its own step: the load of
 * offsets (`OffsetLoad`), and retention (`TimestampLooks`).
 *
 * Invariant: everybody in the list is served once, whoever leaves it meanwhile: an answer may end
 * other waits, and those leave their place empty.
 */

import { shorten } from "../base/shorten.ts";
import type { Broker, Door } from "./broker.ts";
import { ColdTimes } from "./cold_times.ts";
import { completeColdFetch } from "./fetch.ts";
import { FetchWaiter } from "./fetch_waiters.ts";
import { continueLookup, expireLookups, TimeWaiter } from "./offset_for_time.ts";
import { continueCold, Subscription } from "./subscriptions.ts";

/** Serves all that are ready. One that has to wait again comes back later, never in this call. */
export function answerCold(broker: Broker, nowMs: number, door: Door): void {
  const { coldReads } = broker;
  if (coldReads === null) return;
  const { ready } = coldReads;
  for (let i = 0; i < ready.length; i += 1) {
    const waiter = ready[i]!;
    if (waiter instanceof FetchWaiter) completeColdFetch(broker, waiter, nowMs, door);
    if (waiter instanceof TimeWaiter) continueLookup(broker, waiter, door);
    if (waiter instanceof Subscription) continueCold(broker, waiter, door);
    if (waiter instanceof ColdTimes) waiter.goOn(broker);
  }
  shorten(ready, 0);
  if (broker.timeWaiters.size > 0) expireLookups(broker, nowMs, door);
}
