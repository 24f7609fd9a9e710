/**
 * The clocks of a simulated machine. They stand still until told, so that a run depends on its
 * seed alone.
 */
export class SimClock {
  /** With a fraction, as CLOCK_MONOTONIC has. */
  monotonicMs = 1000.25;
  wallMs = 1_750_000_000_000;
  #fraction = 0.25;

  /** Both clocks go on; the wall clock in whole milliseconds. */
  advance(ms: number): void {
    this.monotonicMs += ms;
    this.#fraction += ms;
    const whole = Math.floor(this.#fraction);
    this.#fraction -= whole;
    this.wallMs += whole;
  }

  /** Somebody set the wall clock: forwards or back. */
  jumpWall(ms: number): void {
    this.wallMs += Math.trunc(ms);
  }
}
