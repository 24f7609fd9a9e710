/**
 * The way in: a client keeps the connections to a broker, and makes producers and consumers over
 * them.
 *
 *     const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
 *     client.producer()   client.consumer({ topics })   client.admin
 *
 * Invariant: what a client made ends with it.
 */

import { Admin } from "./admin.ts";
import type { BrokerAddress } from "./broker_address.ts";
import { Cluster } from "./cluster.ts";
import { loadCompressor } from "./compression.ts";
import { Consumer } from "./consumer.ts";
import { type ConsumerOptions, consumerSettings } from "./consumer_options.ts";
import type { ConnectionEvent } from "./endpoint.ts";
import { ClosedError } from "./errors.ts";
import { Producer } from "./producer.ts";
import { type ProducerOptions, producerSettings, within } from "./producer_options.ts";

export interface ClientOptions {
  /** `HOST:PORT`, `unix:PATH` or an address; one that answers is enough. */
  readonly brokers: readonly (string | BrokerAddress)[];
  /** Shown to operators: `sluice connections`. */
  readonly clientName?: string | undefined;
  readonly token?: string | undefined;
  /** For connecting and hello together. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * `Client.connect` tries again for so long, for programs that start beside their broker. Default
   * 0: each address once, so that a wrong one is told at once.
   */
  readonly connectRetryMs?: number | undefined;
  /** A connection whose oldest request has no answer for so long is given up. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** A connection that is silent for so long is asked for a sign of life. Default 30,000. */
  readonly keepAliveMs?: number | undefined;
  /** Wait before the first attempt to connect again. Default 50. */
  readonly reconnectBackoffMs?: number | undefined;
  /** It doubles up to this. Default 1,000. */
  readonly reconnectBackoffMaxMs?: number | undefined;
  /** Topics are asked about again when this is over. Default 300,000. */
  readonly metadataMaxAgeMs?: number | undefined;
  /** Hears of connections that come and go. */
  readonly onConnection?: ((event: ConnectionEvent) => void) | undefined;
}

const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export class Client {
  /** Topics, offsets, groups, settings, counters. */
  readonly admin: Admin;
  readonly #cluster: Cluster;
  readonly #parts: Set<AsyncDisposable> = new Set();
  readonly #closed = (part: AsyncDisposable): void => void this.#parts.delete(part);
  #closing: Promise<void> | null = null;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.admin = new Admin(cluster);
  }

  /**
   * Connects. Throws ConnectionError when no broker of the list answers, at once or after
   * `connectRetryMs`; later the client connects again by itself.
   *
   * @example
   * ```ts
   * import { Client } from "sluice/client";
   *
   * const client = await Client.connect({ brokers: ["127.0.0.1:7400"], clientName: "example" });
   * console.log(`the broker answers within ${await client.admin.ping()} ms`);
   * await client.close();
   * ```
   */
  static async connect(options: ClientOptions): Promise<Client> {
    const ms = (name: keyof ClientOptions, fallback: number, min: number = 1): number =>
      within(name, (options[name] as number | undefined) ?? fallback, min, TIMEOUT_MS_MAX);
    const connectRetryMs = ms("connectRetryMs", 0, 0);
    const cluster = new Cluster({
      brokers: options.brokers,
      clientName: options.clientName,
      token: options.token,
      timeoutMs: ms("connectTimeoutMs", 10000),
      requestTimeoutMs: ms("requestTimeoutMs", 30000),
      keepAliveMs: ms("keepAliveMs", 30000),
      reconnectBackoffMs: ms("reconnectBackoffMs", 50),
      reconnectBackoffMaxMs: ms("reconnectBackoffMaxMs", 1000),
      metadataMaxAgeMs: ms("metadataMaxAgeMs", 300000),
      onConnection: options.onConnection,
    });
    try {
      await cluster.repeated(true, () => cluster.any(), connectRetryMs);
    } catch (error) {
      cluster.close();
      throw error;
    }
    return new Client(cluster);
  }

  /** A producer. Throws CodecUnavailableError and InvalidOptionError. */
  async producer(options: ProducerOptions = {}): Promise<Producer> {
    if (this.#closing !== null) throw new ClosedError("client");
    const settings = producerSettings(options);
    const compressor = await loadCompressor(settings.compression);
    return await this.#keep(new Producer(this.#cluster, settings, compressor, this.#closed));
  }

  /**
   * A consumer, which begins to read at once. Throws BrokerError for a topic that there is not,
   * and InvalidOptionError.
   */
  async consumer(options: ConsumerOptions): Promise<Consumer> {
    if (this.#closing !== null) throw new ClosedError("client");
    const settings = consumerSettings(options);
    const { signal } = options;
    const consumer = await Consumer.begin(this.#cluster, settings, signal, this.#closed);
    return signal?.aborted === true ? consumer : await this.#keep(consumer); // aborted: closed
  }

  /**
   * Closes the producers, which flush, and the consumers; then the connections. Throws the first of
   * what went wrong with them.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What is made while the client closes ends at once: nobody would end it later. */
  async #keep<P extends Producer | Consumer>(part: P): Promise<P> {
    if (this.#closing === null) {
      this.#parts.add(part);
      return part;
    }
    await part.close().catch(() => {}); // it has done nothing yet
    throw new ClosedError("client");
  }

  /** One that fails takes nothing from the others: all have the connections to the end. */
  async #close(): Promise<void> {
    const ends = await Promise.allSettled(
      [...this.#parts].map((part) => part[Symbol.asyncDispose]()),
    );
    this.#cluster.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
