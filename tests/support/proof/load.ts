/**
 * The load of the proofs: four producers, two consumers that fetch and two that subscribe, each
 * with a connection of its own, on every partition of some topics, until somebody ends them or the
 * broker dies.
 *
 *     producers 0 to 2   up to three batches in flight; what has no answer stays unknown
 *     producer 3         idempotent: in the next session it first sends again what has no answer
 *     consumer 0         follows the end         consumer 1    begins somewhere each time
 *     subscriber 0       the same, pushed        subscriber 1  the same, pushed
 *
 * Sizes are drawn from a short list, so that they repeat: a stale batch that fits the hole exactly
 * is what a recovery must not be taken in by. When a session has used up its budget it goes on with
 * small records, slowly: the load has an end, the broker has none.
 *
 * Invariant: after `end` no attempt is pending.
 */
import { Admin } from "../../../src/client/admin.ts";
import { Connection } from "../../../src/client/connection.ts";
import { Prng } from "../prng.ts";
import { Consumer } from "./consumer.ts";
import type { History } from "./history.ts";
import { Producer } from "./producer.ts";
import { Subscriber } from "./subscriber.ts";

export interface TopicShape {
  readonly name: string;
  readonly partitions: number;
  /** `durability`, `segment.bytes` and so on. */
  readonly config: Readonly<Record<string, string>>;
}

export interface PlaceShape {
  readonly place: number;
  readonly topic: string;
  readonly partition: number;
}

export interface LoadShape {
  readonly topics: readonly TopicShape[];
  /** Bytes that the producers send together in one session before they slow down. */
  readonly budgetBytes: number;
  readonly seed: number;
}

export const PRODUCERS = 4;
export const CONSUMERS = 2;
export const SUBSCRIBERS = 2;

export class Load {
  readonly places: readonly PlaceShape[];
  readonly history: History;
  readonly #shape: LoadShape;
  readonly #producers: Producer[];
  readonly #consumers: (Consumer | Subscriber)[];
  #connections: Connection[] = [];
  #running: Promise<unknown> = Promise.resolve();

  constructor(shape: LoadShape, history: History) {
    this.#shape = shape;
    this.history = history;
    const places: PlaceShape[] = [];
    for (const { name, partitions } of shape.topics) {
      for (let partition = 0; partition < partitions; partition += 1) {
        places.push({ place: places.length, topic: name, partition });
      }
    }
    this.places = places;
    const budgetBytes = shape.budgetBytes / PRODUCERS;
    this.#producers = Array.from({ length: PRODUCERS }, (_, number) => {
      const idempotent = number === PRODUCERS - 1;
      const prng = new Prng(shape.seed * 16 + number);
      return new Producer({ number, places, idempotent, budgetBytes }, history, prng);
    });
    const prngOf = (number: number): Prng => new Prng(shape.seed * 16 + 8 + number);
    this.#consumers = [
      ...Array.from({ length: CONSUMERS }, (_, number) => {
        return new Consumer(`consumer ${number}`, places, number === 0, history, prngOf(number));
      }),
      ...Array.from({ length: SUBSCRIBERS }, (_, number) => {
        return new Subscriber(
          `subscriber ${number}`,
          places,
          number === 0,
          history,
          prngOf(CONSUMERS + number),
        );
      }),
    ];
  }

  /** Creates the topics that are not there yet. */
  async prepare(port: number): Promise<void> {
    const connection = await connect(port);
    const admin = new Admin(connection);
    const there = new Set((await admin.topics()).map(({ name }) => name));
    for (const { name, partitions, config } of this.#shape.topics) {
      if (there.has(name)) continue;
      const entries = Object.entries(config).map(([key, value]) => ({ key, value }));
      await admin.createTopic(name, { partitions, config: entries });
    }
    connection.close();
  }

  /** Resolves when everybody is connected and at work. */
  async begin(port: number): Promise<void> {
    const everybody = [...this.#producers, ...this.#consumers];
    this.#connections = await Promise.all(everybody.map(() => connect(port)));
    const running = everybody.map((one, i) => one.work(this.#connections[i]!));
    await Promise.all(running.map(({ ready }) => ready));
    this.#running = Promise.all(running.map(({ done }) => done));
  }

  /** Nothing new is sent; what is outstanding is waited for, then the connections close. */
  async finish(): Promise<void> {
    for (const one of [...this.#producers, ...this.#consumers]) one.stop();
    await this.end();
  }

  /** Waits until everybody is done: after `finish`, or because the broker is gone. */
  async end(): Promise<void> {
    await this.#running;
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }

  /**
   * What the idempotent producer has no answer for is sent once more, and nothing new. Gives back
   * how many of its batches are still without one.
   */
  async settle(port: number): Promise<number> {
    const connection = await connect(port);
    for (const producer of this.#producers) await producer.settle(connection);
    connection.close();
    return this.#producers.reduce((sum, { unknown }) => sum + unknown, 0);
  }
}

/** A broker that is about to die may still take a connection and say nothing: that ends it. */
function connect(port: number): Promise<Connection> {
  return Connection.connect({ host: "127.0.0.1", port }, { clientName: "proof" });
}
