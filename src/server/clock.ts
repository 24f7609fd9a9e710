/**
 * Whether the wall clock can be right at all. A machine that starts without a battery or without
 * the network believes that it is 1970, and everything that is written gets that time.
 */

/** Before this version was written it cannot have been started. */
const EARLIEST_MS: number = Date.UTC(2026, 0, 1);
const LATEST_MS: number = Date.UTC(2100, 0, 1);

/** What is wrong with a clock that says `wallMs`, and what to do; "" when it may be right. */
export function judgeClock(wallMs: number): string {
  if (wallMs >= EARLIEST_MS && wallMs < LATEST_MS) return "";
  const time = new Date(wallMs).toISOString();
  return `the clock of this machine says ${time}, and records would get that time: set it ` +
    "(timedatectl set-ntp true), then start again";
}
