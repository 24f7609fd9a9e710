/**
 * What the consumers of the load have in common: a session reads every place at once, on one
 * connection, and writes down each record it is given and the ends that each answer names.
 *
 * Invariant: a place is read in the order of its offsets, by one task of the session.
 */
import assert from "node:assert/strict";
import type { Connection } from "../../../src/client/connection.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { operation } from "../../../src/native/operations.ts";
import type { Prng } from "../prng.ts";
import type { History } from "./history.ts";
import type { PlaceShape } from "./load.ts";
import type { Work } from "./producer.ts";
import { readBatches } from "./records.ts";

/** What a fetch and a push tell. */
interface Told {
  readonly logStart: number;
  readonly visibleEnd: number;
  readonly batches: Uint8Array;
}

export abstract class Reader {
  protected readonly who: string;
  /** The next offset of each place. */
  protected readonly next: number[];
  protected readonly prng: Prng;
  /** Aborted when the session is to end. */
  protected stopping: AbortController = new AbortController();
  readonly #places: readonly PlaceShape[];
  /** Goes on where it was; otherwise it begins somewhere below in each session. */
  readonly #follows: boolean;
  readonly #history: History;

  constructor(
    who: string,
    places: readonly PlaceShape[],
    follows: boolean,
    history: History,
    prng: Prng,
  ) {
    this.who = who;
    this.#places = places;
    this.#follows = follows;
    this.#history = history;
    this.prng = prng;
    this.next = places.map(() => 0);
  }

  work(connection: Connection): Work {
    this.stopping = new AbortController();
    const done = Promise.all(this.#places.map(async ({ topic, partition }, index) => {
      try {
        const opened = await connection.request(operation("open_partition"), { topic, partition });
        const { logStart, visibleEnd } = opened;
        if (!this.#follows) this.next[index] = this.prng.between(logStart, visibleEnd);
        this.next[index] = Math.max(logStart, this.next[index]!);
        await this.read(connection, opened.handle, index);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        if (connection.failure === null && !(error instanceof BrokerError)) throw error;
      }
    }));
    return { ready: Promise.resolve(), done: done.then(() => {}) };
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Reads one place from `next` on, until it is stopped. */
  protected abstract read(connection: Connection, handle: number, index: number): Promise<void>;

  /** What was to come next was deleted, and the log start is next now; throws any other error. */
  protected async skipDeleted(
    error: unknown,
    connection: Connection,
    handle: number,
    index: number,
  ): Promise<void> {
    if (!(error instanceof BrokerError) || error.name !== "offset_out_of_range") throw error;
    const { logStart } = await connection.request(operation("offsets"), { handle });
    if (logStart <= this.next[index]!) throw error;
    this.next[index] = logStart;
  }

  /** Writes down what came; `isWhole`: no offset from `next` on may be missing. */
  protected note(index: number, { logStart, visibleEnd, batches }: Told, isWhole: boolean): void {
    const { place } = this.#places[index]!;
    const { who, next } = this;
    const at = this.#history.now();
    this.#history.ends.push({ who, at, place, logStart, visibleEnd });
    for (const { offset, hash } of readBatches(batches).flatMap(({ records }) => records)) {
      if (offset < next[index]!) continue;
      if (isWhole) assert.equal(offset, next[index], `${who}, place ${place}: a gap`);
      this.#history.sightings.push({ who, at, place, offset, hash });
      next[index] = offset + 1;
    }
  }
}
