/**
 * One consumer of the load that subscribes.
 *
 *     session: open every place -> subscribe -> push, credit back, push …
 *
 * Invariant: from one record to the next of a session no offset is missing and none comes twice.
 */
import type { Connection } from "../../../src/client/connection.ts";
import { Subscription } from "../../../src/client/subscription.ts";
import { decodeBody } from "../../../src/native/codec.ts";
import { operation } from "../../../src/native/operations.ts";
import { Reader } from "./reader.ts";

/** From one batch at a time to more than there is. */
const CREDITS = [1, 5000, 100_000, 4_194_304];
const SIZES = [1, 20_000, 1_048_576];
const INTERVALS_MS = [0, 0, 5];

export class Subscriber extends Reader {
  protected override async read(
    connection: Connection,
    handle: number,
    index: number,
  ): Promise<void> {
    while (!this.stopping.signal.aborted && connection.failure === null) {
      await this.#subscribe(connection, handle, index).catch((error: unknown) => {
        return this.skipDeleted(error, connection, handle, index);
      });
    }
  }

  /** Until it is stopped, or the subscription ends. */
  async #subscribe(connection: Connection, handle: number, index: number): Promise<void> {
    const subscription = await Subscription.begin(connection, {
      handle,
      offset: this.next[index]!,
      creditBytes: this.prng.pick(CREDITS),
      maxBytes: this.prng.pick(SIZES),
      intervalMs: this.prng.pick(INTERVALS_MS),
    });
    for (;;) {
      const body = await subscription.next(this.stopping.signal);
      if (body === null) return;
      const { bytes } = body.block;
      const push = decodeBody(operation("subscribe").push, bytes, body.start, body.end);
      this.note(index, push, true);
      subscription.giveBack(body);
    }
  }
}
