/**
 * A broker inside a program or a test, in place of one that has to be installed and started beside
 * it. On Bun and Deno it runs in threads of the process itself; Node has no way to call libc, so
 * there it runs in a child process that lives as long as its parent, with the same methods.
 *
 *     Broker -> Client (TCP, loopback) -> engine: embed/inside.ts, or embed/beside.ts on Node
 *
 * Invariant: what a start has made is gone when it fails, and when `stop` settles: threads,
 * sockets, and the directory where nobody named one.
 *
 * @example A broker for the length of a block: port and directory are its own.
 * ```ts
 * import { Broker } from "sluice";
 *
 * await using broker = await Broker.start({ topics: ["orders"] });
 * const { offset } = await broker.produce({ topic: "orders", value: "3 apples" });
 * console.log(`at offset ${offset} of ${broker.dataDirectory}`);
 * ```
 */

import type { Address } from "./address.ts";
import { later } from "./base/later.ts";
import type { Admin } from "./client/admin.ts";
import { Client } from "./client/client.ts";
import { isCode } from "./client/errors.ts";
import type { Producer } from "./client/producer.ts";
import type { Delivery, ProducerRecord } from "./client/record.ts";
import type { Engine } from "./embed/engine.ts";
import {
  brokerOptions,
  type EmbeddedOptions,
  type WantedTopic,
  wantedTopics,
} from "./embed/options.ts";
import { ErrorCodes } from "./format/errors.ts";

export { ConfigError } from "./address.ts";
export type { EmbeddedOptions, EmbeddedTopic } from "./embed/options.ts";
export { StartError } from "./server/start_error.ts";

/** Where programs reach a broker. `listenerText` of an address is `host:port`. */
export interface BrokerAddresses {
  /** For clients: `Client.connect({ brokers: [broker.addresses.native] })`. */
  readonly native: Address;
  /** Null unless it was started with `http: { enabled: true }`. */
  readonly http: Address | null;
}

export class Broker {
  readonly addresses: BrokerAddresses;
  /** Path of the data directory. */
  readonly dataDirectory: string;
  /**
   * Settles when the broker has stopped; rejects when it cannot go on. A program that ignores it
   * hears of a failure from its clients and from `stop`.
   */
  readonly closed: Promise<void>;
  /** A client of this broker, for consumers and producers; it is closed by `stop`. */
  readonly client: Client;
  readonly #engine: Engine;
  #producer: Promise<Producer> | null = null;
  #stopping: Promise<void> | null = null;

  private constructor(engine: Engine, client: Client) {
    this.#engine = engine;
    this.client = client;
    this.addresses = { native: engine.native, http: engine.http };
    this.dataDirectory = engine.dataDirectory;
    this.closed = engine.closed;
  }

  /**
   * Starts a broker; it serves, and its topics are there, when the promise settles. Without options
   * it listens on a free port of 127.0.0.1, and its data goes with it. Any number may run in one
   * process. Throws ConfigError for an option that is wrong, BrokerError for a topic that the
   * broker refuses, StartError and others when it cannot start; the message says what to do.
   *
   * @example A topic with settings, and no wait for the disk: what a test wants.
   * ```ts
   * import { Broker } from "sluice";
   *
   * await using broker = await Broker.start({
   *   durability: "os",
   *   topics: { payments: { partitions: 4, config: { "retention.ms": 60_000 } } },
   *   connections: { max: 100 },
   * });
   * const [topic] = (await broker.admin.metadata(["payments"])).topics;
   * console.log(`${topic?.partitions.length} partitions at port ${broker.addresses.native.port}`);
   * ```
   *
   * @example A directory that stays: the next broker goes on with it.
   * ```ts
   * import { mkdtempSync, rmSync } from "node:fs";
   * import { Broker } from "sluice";
   *
   * const dataDirectory = mkdtempSync("/tmp/kept-");
   * const first = await Broker.start({ dataDirectory, topics: ["notes"] });
   * await first.produce({ topic: "notes", value: "remember" });
   * await first.stop();
   *
   * await using second = await Broker.start({ dataDirectory });
   * console.log((await second.admin.offsets("notes", 0)).visibleEnd, "record");
   * rmSync(dataDirectory, { recursive: true });
   * ```
   */
  static async start(options: EmbeddedOptions = {}): Promise<Broker> {
    const topics = wantedTopics(options);
    const engine = await startEngine(options);
    let client: Client | null = null;
    try {
      client = await Client.connect({ brokers: [engine.native], clientName: "embedded" });
      const broker = new Broker(engine, client);
      for (const topic of topics) await broker.#createIfAbsent(topic);
      return broker;
    } catch (error) {
      await client?.close();
      await engine.stop();
      throw error;
    }
  }

  /** Topics, offsets, groups, settings, counters: `client.admin`. */
  get admin(): Admin {
    return this.client.admin;
  }

  /**
   * Sends a record, or several; settles when they are as safe as their topics promise. For a flood
   * make a producer: `broker.client.producer()`. Throws what `Producer.send` throws.
   *
   * @example Records in, records out.
   * ```ts
   * import { Broker } from "sluice";
   *
   * await using broker = await Broker.start({ topics: ["letters"] });
   * await broker.produce([
   *   { topic: "letters", key: "ann", value: "first" },
   *   { topic: "letters", key: "ann", value: "second" },
   * ]);
   * for await (const record of await broker.client.consumer({ topics: ["letters"] })) {
   *   console.log(record.keyText(), record.text());
   *   if (record.offset === 1) break;
   * }
   * ```
   */
  produce(record: ProducerRecord): Promise<Delivery>;
  produce(records: readonly ProducerRecord[]): Promise<Delivery[]>;
  async produce(
    records: ProducerRecord | readonly ProducerRecord[],
  ): Promise<Delivery | Delivery[]> {
    this.#producer ??= this.client.producer();
    const producer = await this.#producer;
    if ("topic" in records) return await producer.send(records);
    return await Promise.all(records.map((record) => producer.send(record)));
  }

  /**
   * Closes `client`, syncs everything, ends the threads, and removes the directory where none was
   * named. Throws what went wrong, when all the rest is done.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    try {
      await this.client.close();
    } finally {
      await this.#engine.stop();
    }
  }

  async #createIfAbsent({ name, partitions, config }: WantedTopic): Promise<void> {
    try {
      await this.admin.createTopic(name, { partitions, config });
    } catch (error) {
      if (!isCode(error, ErrorCodes.topic_exists)) throw error;
    }
  }
}

async function startEngine(options: EmbeddedOptions): Promise<Engine> {
  const started = brokerOptions(options);
  if ("Bun" in globalThis || "Deno" in globalThis) {
    const { startInside } = await import(later("./embed/inside.ts")) as Inside;
    return await startInside(started);
  }
  const { startBeside } = await import(later("./embed/beside.ts")) as Beside;
  return await startBeside(started, options.executable);
}

type Inside = typeof import("./embed/inside.ts");
type Beside = typeof import("./embed/beside.ts");
