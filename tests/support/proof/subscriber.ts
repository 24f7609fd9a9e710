/**
 * One consumer of the load that subscribes: every place at once, on one connection, and each
 * record that is pushed is written down.
 *
 *     session: open every place -> subscribe -> push, credit back, push …
 *
 * Invariant: from one record to the next of a session no offset is missing and none comes twice.
 */
import assert from "node:assert/strict";
import type { Connection } from "../../../src/client/connection.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { Subscription } from "../../../src/client/subscription.ts";
import { decodeBody } from "../../../src/native/codec.ts";
import { operation } from "../../../src/native/operations.ts";
import type { Prng } from "../prng.ts";
import type { History } from "./history.ts";
import type { Work } from "./producer.ts";
import { readBatches } from "./records.ts";

/** From one batch at a time to more than there is. */
const CREDITS = [1, 5000, 100_000, 4_194_304];
const SIZES = [1, 20_000, 1_048_576];

export class Subscriber {
  readonly #who: string;
  readonly #places: readonly { place: number; topic: string; partition: number }[];
  /** Goes on where it was; otherwise it begins somewhere below in each session. */
  readonly #follows: boolean;
  readonly #history: History;
  readonly #prng: Prng;
  /** The next offset of each place. */
  readonly #next: number[];
  #stop: AbortController = new AbortController();

  constructor(
    number: number,
    places: readonly { place: number; topic: string; partition: number }[],
    follows: boolean,
    history: History,
    prng: Prng,
  ) {
    this.#who = `subscriber ${number}`;
    this.#places = places;
    this.#follows = follows;
    this.#history = history;
    this.#prng = prng;
    this.#next = places.map(() => 0);
  }

  work(connection: Connection): Work {
    this.#stop = new AbortController();
    const done = Promise.all(this.#places.map(async (_, index) => {
      try {
        await this.#read(connection, index);
      } catch (error) {
        if (connection.failure === null && !(error instanceof BrokerError)) throw error;
        if (error instanceof assert.AssertionError) throw error;
      }
    }));
    return { ready: Promise.resolve(), done: done.then(() => {}) };
  }

  stop(): void {
    this.#stop.abort();
  }

  async #read(connection: Connection, index: number): Promise<void> {
    const { signal } = this.#stop;
    const { place, topic, partition } = this.#places[index]!;
    const opened = await connection.request(operation("open_partition"), { topic, partition });
    if (!this.#follows) this.#next[index] = this.#prng.below(opened.visibleEnd + 1);
    const subscription = await Subscription.begin(connection, {
      handle: opened.handle,
      offset: this.#next[index]!,
      creditBytes: this.#prng.pick(CREDITS),
      maxBytes: this.#prng.pick(SIZES),
    });
    for (;;) {
      const body = await subscription.next(signal);
      if (body === null) return;
      const { start, end } = body;
      const push = decodeBody(operation("subscribe").push, body.block.bytes, start, end);
      const { logStart, visibleEnd, batches } = push;
      const at = this.#history.now();
      this.#history.ends.push({ who: this.#who, at, place, logStart, visibleEnd });
      for (const { offset, hash } of readBatches(batches).flatMap(({ records }) => records)) {
        if (offset < this.#next[index]!) continue;
        assert.equal(offset, this.#next[index], `${this.#who}, place ${place}: a gap`);
        this.#history.sightings.push({ who: this.#who, at, place, offset, hash });
        this.#next[index] = offset + 1;
      }
      subscription.giveBack(body);
    }
  }
}
