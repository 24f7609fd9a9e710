/**
 * A connection that has been silent for a period pings: brokers let go of those that ask for
 * nothing and are owed nothing for ten minutes.
 *
 * It keeps no program alive by itself, and ends with the connection.
 */

import { clearInterval, setInterval } from "node:timers";
import { operation } from "../native/operations.ts";
import type { Connection } from "./connection.ts";

const PING = operation("ping");
/** A fifth of the patience that a broker has by default. */
export const KEEP_ALIVE_MS = 120000;

/** Looks once per period whether anything was asked in it. */
export function keepAlive(connection: Connection, periodMs: number = KEEP_ALIVE_MS): void {
  let seen = connection.asked;
  const timer = setInterval(() => {
    const isSilent = connection.asked === seen && connection.outstanding === 0;
    if (isSilent) connection.request(PING, {}).catch(() => {}); // an end is told elsewhere
    seen = connection.asked;
  }, periodMs);
  timer.unref();
  void connection.ended.then(() => clearInterval(timer));
}
