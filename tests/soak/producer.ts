/**
 * The producer of one partition of a soak: batches at a fixed rate, whatever the broker does, on
 * one connection after another.
 *
 *     due -> sent -> acked | refused | unknown (the connection ended first)
 *
 * An idempotent one sends everything that is unknown again, in order, before anything new.
 *
 * Invariant: each batch is settled in the ledger once, and sequences count up without a gap.
 */
import type { Connection } from "../../src/client/connection.ts";
import { BrokerError } from "../../src/client/errors.ts";
import { Codec } from "../../src/codec/codec.ts";
import { operation } from "../../src/native/operations.ts";
import type { Prng } from "../support/prng.ts";
import { pause } from "../support/until.ts";
import type { Latencies } from "./latencies.ts";
import type { Ledger } from "./ledger.ts";
import { keepConnected, type Situation } from "./line.ts";
import type { TopicPlan } from "./plan.ts";
import { encodeBatch } from "./wire.ts";

const ACKS_ALL = 255;
const IN_FLIGHT_MAX = 32;
/** How many batches of an idempotent producer a broker remembers. */
const IDEMPOTENT_IN_FLIGHT_MAX = 5;
const TICK_MS = 1;
/** Identities of idempotent producers, one per life of the soak. */
const PRODUCER_ID_BASE = 9000;
const CODECS = [Codec.gzip, Codec.snappy, Codec.lz4, Codec.zstd] as const;

interface Sent {
  readonly first: number;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly dueMs: number;
}

export interface ProducerWorld {
  readonly situation: Situation;
  readonly ledger: Ledger;
  readonly prng: Prng;
  readonly latencies: Latencies | null;
}

export class SoakProducer {
  readonly #world: ProducerWorld;
  readonly #topic: TopicPlan;
  readonly #partition: number;
  readonly #number: number;
  readonly #inFlight: Set<Sent> = new Set();
  #unknown: Sent[] = [];
  #sequence = 0;
  #batches = 0;
  #wake: () => void = () => {};

  constructor(world: ProducerWorld, topic: TopicPlan, partition: number, number: number) {
    this.#world = world;
    this.#topic = topic;
    this.#partition = partition;
    this.#number = number;
    world.ledger.expect(number);
  }

  /** Settles when the soak is ending and everything has its answer. */
  run(): Promise<void> {
    const { situation, ledger } = this.#world;
    return keepConnected(situation, `producer of ${ledger.name}`, (line) => this.#session(line));
  }

  async #session(connection: Connection): Promise<void> {
    const place = { topic: this.#topic.name, partition: this.#partition };
    const { handle } = await connection.request(operation("open_partition"), place);
    try {
      await this.#sendAgain(connection, handle);
      await this.#produce(connection, handle);
    } finally {
      // What has no answer when the connection is gone gets its fate before the next session.
      if (this.#inFlight.size > 0) connection.close();
      while (this.#inFlight.size > 0) await this.#change();
    }
  }

  async #produce(connection: Connection, handle: number): Promise<void> {
    const { situation } = this.#world;
    const everyMs = 1000 / this.#topic.batchesPerSecond;
    const most = this.#topic.idempotent ? IDEMPOTENT_IN_FLIGHT_MAX : IN_FLIGHT_MAX;
    let dueMs = performance.now() + this.#world.prng.below(1000) * everyMs / 1000;
    while (!situation.ending) {
      const nowMs = performance.now();
      for (; dueMs <= nowMs && this.#inFlight.size < most; dueMs += everyMs) {
        void this.#send(connection, handle, this.#draw(dueMs));
      }
      if (connection.failure !== null) throw connection.failure;
      if (this.#unknown.length > 0) throw new Error("a batch of an idempotent producer is refused");
      await pause(Math.max(TICK_MS, dueMs - performance.now()));
    }
    while (this.#inFlight.size > 0) await this.#change();
    if (this.#unknown.length > 0) throw connection.failure ?? new Error("unknown at the end");
  }

  /** One after the other: the broker must take each as a repetition or as the next. */
  async #sendAgain(connection: Connection, handle: number): Promise<void> {
    const again = this.#unknown;
    this.#unknown = [];
    const sends = again.map((sent) => this.#send(connection, handle, sent));
    await Promise.all(sends);
    if (this.#unknown.length > 0) throw connection.failure ?? new Error("refused again");
  }

  async #send(connection: Connection, handle: number, sent: Sent): Promise<void> {
    const { ledger, latencies } = this.#world;
    this.#inFlight.add(sent);
    try {
      const reply = await connection.request(operation("produce"), {
        ...{ handle, acks: ACKS_ALL, reserved: 0, reserved2: 0 },
        batch: sent.bytes,
      });
      latencies?.record(performance.now() - sent.dueMs);
      ledger.acknowledged(reply.baseOffset, this.#number, sent.first, sent.count);
    } catch (error) {
      // An error that ended the connection answers none of its requests.
      const refused = error instanceof BrokerError && connection.failure === null;
      if (this.#topic.idempotent) this.#keep(sent);
      else ledger.notAcknowledged(this.#number, sent.first, sent.count, refused);
    } finally {
      this.#inFlight.delete(sent);
      this.#wake();
    }
  }

  #keep(sent: Sent): void {
    this.#unknown.push(sent);
    this.#unknown.sort((one, other) => one.first - other.first);
  }

  #draw(dueMs: number): Sent {
    const { prng } = this.#world;
    const { recordsMax, idempotent, compressed } = this.#topic;
    const count = prng.between(1, recordsMax);
    const valueSizes = Array.from({ length: count }, () => prng.pick(this.#topic.valueSizes));
    const bytes = encodeBatch({
      ...{ producer: this.#number, first: this.#sequence, valueSizes, sentMs: dueMs },
      producerId: idempotent ? PRODUCER_ID_BASE + this.#number : -1,
      codec: compressed ? CODECS[this.#batches % CODECS.length]! : Codec.none,
    });
    const sent = { first: this.#sequence, count, bytes, dueMs };
    this.#sequence += count;
    this.#batches += 1;
    return sent;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
