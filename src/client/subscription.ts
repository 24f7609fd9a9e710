/**
 * A subscription as its reader sees it: pushes in their order, and credit that goes back as they
 * are read.
 *
 *     broker --push--> queue --next--> reader --giveBack--> owed --add_credit--> broker
 *
 * Invariant: what was pushed and not given back is at most the credit and one batch. Credit is
 * owed for every byte that was given back, and never so much that the broker has none left.
 */

import { AddCreditAt, FRAME_HEADER_SIZE, PushAt } from "../native/frame.ts";
import { operation } from "../native/operations.ts";
import type { Connection, PushSink, ReplyBody } from "./connection.ts";
import type { SluiceError } from "./errors.ts";

const ADD_CREDIT = operation("add_credit");
const ADD_CREDIT_SIZE: number = FRAME_HEADER_SIZE + AddCreditAt.size;
const UNSUBSCRIBE = operation("unsubscribe");
const PACE = operation("pace_subscription");

/** Credit goes back when a quarter of it is owed: one small frame for many pushes. */
const OWED_SHARE = 4;

export interface SubscriptionShape {
  readonly handle: number;
  readonly offset: number;
  /** Bytes of batches that the broker may push before the first ones are given back. */
  readonly creditBytes: number;
  /** Bytes of one push. */
  readonly maxBytes: number;
  /** Rest behind a push that reached the visible end. Default 0: none. */
  readonly intervalMs?: number | undefined;
}

export class Subscription implements PushSink {
  readonly #connection: Connection;
  readonly #owedMin: number;
  #number = 0;
  #owed = 0;
  readonly #queue: ReplyBody[] = [];
  #failure: SluiceError | null = null;
  #left = false;
  #wake: (() => void) | null;

  private constructor(
    connection: Connection,
    creditBytes: number,
    changed: (() => void) | null,
  ) {
    this.#connection = connection;
    this.#wake = changed;
    this.#owedMin = Math.max(1, Math.floor(creditBytes / OWED_SHARE));
  }

  /**
   * Throws what the broker refuses; a wrong offset is told by `next`. Whoever reads by `take` gives
   * a function that hears of every push and of the end.
   */
  static async begin(
    connection: Connection,
    shape: SubscriptionShape,
    changed: (() => void) | null = null,
  ): Promise<Subscription> {
    const { handle, offset, creditBytes, maxBytes, intervalMs = 0 } = shape;
    const made = new Subscription(connection, creditBytes, changed);
    const values = { handle, maxBytes, credit: creditBytes, offset };
    made.#number = await connection.subscribe(values, made);
    if (intervalMs > 0) made.#pace(intervalMs);
    return made;
  }

  pushed(body: ReplyBody): void {
    if (this.#left) return this.#connection.giveBack(body.block);
    this.#queue.push(body);
    this.#wake?.();
  }

  ended(error: SluiceError): void {
    this.#failure = error;
    this.#wake?.();
  }

  /** Why it has ended: after the last push that `take` gives. Null while it goes on. */
  get failure(): SluiceError | null {
    return this.#failure;
  }

  /** The next push that has come, or null. It goes back by `giveBack`. */
  take(): ReplyBody | null {
    return this.#queue.shift() ?? null;
  }

  /**
   * The next push, which goes back by `giveBack`; null when the signal comes first. Throws why the
   * subscription has ended, after the last push.
   */
  async next(signal: AbortSignal | undefined): Promise<ReplyBody | null> {
    while (signal?.aborted !== true) {
      const body = this.#queue.shift();
      if (body !== undefined) return body;
      if (this.#failure !== null) throw this.#failure;
      await this.#change(signal);
    }
    return null;
  }

  /** A push was read: its block is free, and the broker may push as many bytes again. */
  giveBack(body: ReplyBody): void {
    this.#owed += body.end - body.start - PushAt.batches;
    this.#connection.giveBack(body.block);
    if (this.#owed < this.#owedMin || this.#failure !== null) return;
    const frame = new Uint8Array(ADD_CREDIT_SIZE);
    const view = new DataView(frame.buffer);
    view.setUint32(FRAME_HEADER_SIZE + AddCreditAt.subscription, this.#number);
    view.setUint32(FRAME_HEADER_SIZE + AddCreditAt.bytes, this.#owed);
    this.#owed = 0;
    this.#connection.tell(ADD_CREDIT, frame, view, 0, frame.length);
  }

  /** Leaves: what is still on its way is dropped, and the broker is told. Waits for nothing. */
  leave(): void {
    this.#left = true;
    for (const body of this.#queue.splice(0)) this.#connection.giveBack(body.block);
    if (this.#failure !== null) return;
    const values = { subscription: this.#number };
    // Refused where the broker has ended it meanwhile: the same to us.
    const release = (): void => this.#connection.release(this.#number);
    this.#connection.request(UNSUBSCRIBE, values).then(release, release);
  }

  /** A broker that is older than the operation pushes at once; one that has ended it says so. */
  #pace(intervalMs: number): void {
    const values = { subscription: this.#number, intervalMs };
    this.#connection.request(PACE, values).catch(() => {});
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = null;
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
