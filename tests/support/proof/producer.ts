/**
 * One producer of the load, through every start of the broker.
 *
 *     session: open every place -> (idempotent: send the unknown again) -> batch after batch
 *
 * Invariant: sequences of a place count up without a gap over all sessions, and an attempt is in
 * the history before its bytes leave.
 */
import type { Connection } from "../../../src/client/connection.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { operation } from "../../../src/native/operations.ts";
import type { Prng } from "../prng.ts";
import { pause } from "../until.ts";
import type { History } from "./history.ts";
import { encodeBatch, type RecordPlan } from "./records.ts";

export interface ProducerShape {
  readonly number: number;
  readonly places: readonly { place: number; topic: string; partition: number }[];
  readonly idempotent: boolean;
  /** Bytes of one session before it slows down. */
  readonly budgetBytes: number;
}

/** A session's work: `ready` when its first batch can go, `done` when it is over. */
export interface Work {
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
}

const ACKS_ALL = 255;
const IN_FLIGHT_MAX = 3;
const RECORDS_MAX = 12;
const BATCH_BYTES_MAX = 98304;
/** Mostly small ones; 4096 fills a page, and a page alone is what a cut can lose. */
const VALUE_SIZES = [1, 1, 7, 100, 100, 100, 300, 300, 512, 1024, 4000, 4096, 4096, 20000, 65536];
const SMALL_SIZES = [1, 100, 300];
const SLOW_MS = 3;
/** After a refusal, so that a broker that takes nothing is asked now and then. */
const REFUSED_MS = 20;
const POOL_SIZE = 262144;
const TIME_FIRST = 1700000000000;

/** Where a place stands. */
interface Here {
  readonly place: number;
  handle: number;
  nextSequence: number;
  inFlight: number;
  /** Of the idempotent producer: oldest first. */
  unknown: Sent[];
  /** The idempotent producer sends nothing after an error: the sequence would have a gap. */
  closed: boolean;
}

interface Sent {
  readonly first: number;
  readonly bytes: Uint8Array;
  readonly hashes: readonly number[];
}

export class Producer {
  readonly #shape: ProducerShape;
  readonly #history: History;
  readonly #prng: Prng;
  readonly #pool: Uint8Array;
  readonly #here: Here[];
  #stopping = false;
  #session = 0;
  #budgetBytes = 0;
  #outstanding = 0;
  #wasRefused = false;
  #change: () => void = () => {};
  #time = TIME_FIRST;

  constructor(shape: ProducerShape, history: History, prng: Prng) {
    this.#shape = shape;
    this.#history = history;
    this.#prng = prng;
    this.#pool = prng.bytes(POOL_SIZE);
    this.#here = shape.places.map(({ place }) => {
      return { place, handle: -1, nextSequence: 0, inFlight: 0, unknown: [], closed: false };
    });
  }

  work(connection: Connection): Work {
    const ready = this.#open(connection);
    return { ready: ready.catch(() => {}), done: this.#work(connection, ready) };
  }

  stop(): void {
    this.#stopping = true;
    this.#change();
  }

  /** Batches without an answer that are still to be sent again. */
  get unknown(): number {
    return this.#here.reduce((sum, { unknown }) => sum + unknown.length, 0);
  }

  /** Only what is unknown, on a broker that is left alone. */
  async settle(connection: Connection): Promise<void> {
    if (!this.#shape.idempotent) return;
    await this.#open(connection);
    await this.#sendAgain(connection);
  }

  async #open(connection: Connection): Promise<void> {
    this.#stopping = false;
    this.#session = this.#history.newSession();
    this.#budgetBytes = this.#shape.budgetBytes;
    for (const [i, here] of this.#here.entries()) {
      const { topic, partition } = this.#shape.places[i]!;
      const opened = await connection.request(operation("open_partition"), { topic, partition });
      here.handle = opened.handle;
      here.closed = false;
    }
  }

  async #work(connection: Connection, ready: Promise<void>): Promise<void> {
    try {
      await ready;
      await this.#sendAgain(connection);
      while (!this.#stopping && connection.failure === null) await this.#step(connection);
    } catch (error) {
      // The broker is gone or about to go: what was sent is settled below.
      if (connection.failure === null && !(error instanceof BrokerError)) throw error;
    }
    while (this.#outstanding > 0) await this.#waitForChange();
  }

  async #step(connection: Connection): Promise<void> {
    if (this.#wasRefused) {
      this.#wasRefused = false;
      await pause(REFUSED_MS);
    }
    const here = this.#prng.pick(this.#here);
    if (here.closed || here.inFlight >= IN_FLIGHT_MAX) {
      const free = this.#here.some(({ closed, inFlight }) => !closed && inFlight < IN_FLIGHT_MAX);
      if (free) return;
      if (this.#outstanding > 0) return await this.#waitForChange();
      return await pause(SLOW_MS);
    }
    const sent = this.#draw(here);
    // Not awaited: so that several are in flight.
    void this.#send(connection, here, sent);
    if (this.#budgetBytes < 0) await pause(SLOW_MS);
    else await connection.drained();
  }

  /** In order, one after the other; whatever comes back, nothing new is sent before. */
  async #sendAgain(connection: Connection): Promise<void> {
    for (const here of this.#here) {
      const again = here.unknown;
      here.unknown = [];
      await Promise.all(again.map((sent) => this.#send(connection, here, sent)));
    }
  }

  async #send(connection: Connection, here: Here, sent: Sent): Promise<void> {
    const { idempotent, number } = this.#shape;
    const attempt = this.#history.begin({
      place: here.place,
      producer: number,
      session: this.#session,
      first: sent.first,
      hashes: sent.hashes,
      idempotent,
    });
    here.inFlight += 1;
    this.#outstanding += 1;
    try {
      const reply = await connection.request(operation("produce"), {
        ...{ handle: here.handle, acks: ACKS_ALL, reserved: 0, reserved2: 0 },
        batch: sent.bytes,
      });
      this.#history.settle(attempt, "acked", reply.baseOffset, "");
    } catch (error) {
      // An error that ended the connection answers none of its requests.
      const refused = error instanceof BrokerError && connection.failure === null;
      this.#wasRefused ||= refused;
      this.#history.settle(attempt, refused ? "failed" : "unknown", -1, refused ? error.name : "");
      if (this.#shape.idempotent) this.#keep(here, sent);
    }
    here.inFlight -= 1;
    this.#outstanding -= 1;
    this.#change();
  }

  /** To be sent again in the next session, before anything new. */
  #keep(here: Here, sent: Sent): void {
    here.unknown.push(sent);
    here.unknown.sort((one, other) => one.first - other.first);
    here.closed = true;
  }

  #draw(here: Here): Sent {
    const slow = this.#budgetBytes < 0;
    const sizes = slow ? SMALL_SIZES : VALUE_SIZES;
    const records: RecordPlan[] = [];
    const wanted = slow ? 1 : this.#prng.between(1, RECORDS_MAX);
    for (let bytes = 0; records.length < wanted;) {
      const size = this.#prng.pick(sizes);
      if (records.length > 0 && bytes + size > BATCH_BYTES_MAX) break;
      const from = this.#prng.below(POOL_SIZE - size);
      records.push({
        keyed: !this.#prng.chance(20),
        value: this.#prng.chance(3) ? null : this.#pool.subarray(from, from + size),
        timestampDelta: this.#prng.below(50),
      });
      bytes += size;
    }
    this.#time += this.#prng.below(20);
    const first = here.nextSequence;
    const { number, idempotent } = this.#shape;
    const { bytes, hashes } = encodeBatch({
      ...{ producer: number, place: here.place, first, timestamp: this.#time, records },
      producerId: idempotent ? 7000 + number : -1,
    });
    here.nextSequence += records.length;
    this.#budgetBytes -= bytes.length;
    return { first, bytes, hashes };
  }

  #waitForChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#change = () => {
        this.#change = () => {};
        resolve();
      };
    });
  }
}
