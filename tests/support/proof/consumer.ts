/**
 * One consumer of the load: reads every place and writes down each record it is given, and the
 * ends that each reply names.
 *
 * Invariant: one fetch of a place is outstanding at most, and a fetch of one place holds up none of
 * the others.
 */
import type { Connection } from "../../../src/client/connection.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { operation, type ReplyOf } from "../../../src/native/operations.ts";
import type { Prng } from "../prng.ts";
import { pause } from "../until.ts";
import type { History } from "./history.ts";
import type { Work } from "./producer.ts";
import { readBatches } from "./records.ts";

const MAX_BYTES = 262144;
const MAX_WAIT_MS = 50;
const REST_MS = 2;

export class Consumer {
  readonly #who: string;
  readonly #places: readonly { place: number; topic: string; partition: number }[];
  /** Goes on where it was; otherwise it begins somewhere below in each session. */
  readonly #follows: boolean;
  readonly #history: History;
  readonly #prng: Prng;
  /** The next offset of each place. */
  readonly #next: number[];
  #stopping = false;

  constructor(
    number: number,
    places: readonly { place: number; topic: string; partition: number }[],
    follows: boolean,
    history: History,
    prng: Prng,
  ) {
    this.#who = `consumer ${number}`;
    this.#places = places;
    this.#follows = follows;
    this.#history = history;
    this.#prng = prng;
    this.#next = places.map(() => 0);
  }

  work(connection: Connection): Work {
    this.#stopping = false;
    const done = Promise.all(this.#places.map(async (_, index) => {
      try {
        await this.#read(connection, index);
      } catch (error) {
        if (connection.failure === null && !(error instanceof BrokerError)) throw error;
      }
    }));
    return { ready: Promise.resolve(), done: done.then(() => {}) };
  }

  stop(): void {
    this.#stopping = true;
  }

  async #read(connection: Connection, index: number): Promise<void> {
    const { place, topic, partition } = this.#places[index]!;
    const opened = await connection.request(operation("open_partition"), { topic, partition });
    if (!this.#follows) this.#next[index] = this.#prng.below(opened.visibleEnd + 1);
    while (!this.#stopping && connection.failure === null) {
      const reply = await this.#fetch(connection, opened.handle, index);
      if (reply === null) continue;
      const { logStart, visibleEnd } = reply;
      const at = this.#history.now();
      this.#history.ends.push({ who: this.#who, at, place, logStart, visibleEnd });
      for (const { offset, hash } of readBatches(reply.batches).flatMap(({ records }) => records)) {
        if (offset < this.#next[index]!) continue;
        this.#history.sightings.push({ who: this.#who, at, place, offset, hash });
        this.#next[index] = offset + 1;
      }
      await pause(REST_MS);
    }
  }

  /** Null: what was to come next was deleted, and the log start is next now. */
  async #fetch(
    connection: Connection,
    handle: number,
    index: number,
  ): Promise<ReplyOf<"fetch"> | null> {
    try {
      return await connection.request(operation("fetch"), {
        handle,
        ...{ maxBytes: MAX_BYTES, minBytes: 1, maxWaitMs: MAX_WAIT_MS },
        offset: this.#next[index]!,
      });
    } catch (error) {
      if (!(error instanceof BrokerError) || error.name !== "offset_out_of_range") throw error;
      const { logStart } = await connection.request(operation("offsets"), { handle });
      if (logStart <= this.#next[index]!) throw error;
      this.#next[index] = logStart;
      return null;
    }
  }
}
