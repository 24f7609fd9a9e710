/**
 * How the routes reach the broker: as a client does, over the shard's Unix socket. What they need
 * for that is made when the first of them needs it, and made again when it is lost.
 *
 *     recovering -> serving -> draining -> stopping
 *
 *     use        one connection for all requests of a moment; nothing is repeated
 *     connect    one of its own, for who waits long on it
 *     producer   one for all records, which repeats what failed for now
 *     client     of that producer and of all streams
 *
 * Where nothing is repeated, the client of the HTTP door hears of what failed, and whether to try
 * again.
 *
 * Invariant: before `serving` and after `stop` nothing is asked of the shard.
 */

import { Admin } from "../client/admin.ts";
import { Client } from "../client/client.ts";
import { Connection } from "../client/connection.ts";
import { BrokerError, ClosedError } from "../client/errors.ts";
import type { Producer } from "../client/producer.ts";
import { ErrorCodes } from "../format/errors.ts";
import { HTTP_DELIVERY_MS, HTTP_DRAIN_MS, HTTP_PRODUCER_BYTES } from "../limits.ts";
import { HttpError } from "./problem.ts";

const CLIENT_NAME = "sluice-http";
/** Partitions that a topic is given are known to producer and streams after so long. */
const METADATA_MAX_AGE_MS = 5000;

export type EngineState = "recovering" | "serving" | "stopping";

/** What the engine looks at of the broker's start. */
export interface StartState {
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** The shard listens. */
  readonly isServing: boolean;
  /** How far a start has come that takes long. */
  readonly recovery: {
    readonly partitionsDone: number;
    readonly partitions: number;
    readonly scannedBytes: number;
  };
}

/** A connection, and the one admin that knows the handles opened on it. */
interface Opened {
  readonly connection: Connection;
  readonly admin: Admin;
}

export class Engine {
  readonly #socketPath: string;
  readonly #start: StartState;
  #isStopping = false;
  #opened: Promise<Opened> | null = null;
  #client: Promise<Client> | null = null;
  #producer: Promise<Producer> | null = null;
  /** What is to be told of a drain; null: that has begun. */
  #ongoing: Set<() => void> | null = new Set();

  /** `socketPath`: the shard's. */
  constructor(socketPath: string, start: StartState) {
    this.#socketPath = socketPath;
    this.#start = start;
  }

  get state(): EngineState {
    if (this.#isStopping) return "stopping";
    return this.#start.isServing ? "serving" : "recovering";
  }

  get startedMs(): number {
    return this.#start.startedMs;
  }

  get recovery(): StartState["recovery"] {
    return this.#start.recovery;
  }

  /** Streams end now, each where it can be gone on with; what is answered at once goes on. */
  drain(): void {
    const ongoing = this.#ongoing;
    this.#ongoing = null;
    for (const end of ongoing ?? []) end();
  }

  /**
   * `end` is called when a drain begins, at once where it has begun. Returns what takes it back,
   * for who has ended before.
   */
  onDrain(end: () => void): () => void {
    const ongoing = this.#ongoing;
    if (ongoing === null) {
      end();
      return () => {};
    }
    ongoing.add(end);
    return () => void ongoing.delete(end);
  }

  /** Nothing more is asked; what is being asked fails. */
  async stop(): Promise<void> {
    this.drain();
    this.#isStopping = true;
    await this.#close();
    const producer = await this.#producer?.catch(() => null);
    await producer?.close(HTTP_DRAIN_MS).catch(() => {}); // who sent it has heard of it
    const client = await this.#client?.catch(() => null);
    await client?.close().catch(() => {});
  }

  /** Runs `work` with an open connection. Throws HttpError, and what the client library throws. */
  async use<T>(work: (admin: Admin, connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await this.#useOnce(work);
    } catch (error) {
      // Partitions of topics that are gone keep their handles for as long as the connection lives.
      const isFull = error instanceof BrokerError && error.code === ErrorCodes.too_many_handles;
      if (!isFull) throw error;
      await this.#close();
      return await this.#useOnce(work);
    }
  }

  /** A connection for the caller alone, who closes it. Throws as `use` does. */
  async connect(): Promise<Connection> {
    this.#checkServing();
    return await Connection.connect({ path: this.#socketPath }, { clientName: CLIENT_NAME });
  }

  /** Throws as `use` does, where there is no connection; later it connects again by itself. */
  async client(): Promise<Client> {
    this.#checkServing();
    if (this.#client === null) {
      this.#client = Client.connect({
        brokers: [{ path: this.#socketPath }],
        clientName: CLIENT_NAME,
        metadataMaxAgeMs: METADATA_MAX_AGE_MS,
      });
      this.#client.catch(() => (this.#client = null));
    }
    return await this.#client;
  }

  /** The producer that all records go through. Throws as `client` does. */
  async producer(): Promise<Producer> {
    this.#checkServing();
    if (this.#producer === null) {
      const options = { bufferBytes: HTTP_PRODUCER_BYTES, deliveryTimeoutMs: HTTP_DELIVERY_MS };
      this.#producer = this.client().then((client) => client.producer(options));
      this.#producer.catch(() => (this.#producer = null));
    }
    return await this.#producer;
  }

  #checkServing(): void {
    if (this.state === "recovering") throw new HttpError("http_starting");
    if (this.state === "stopping") throw new ClosedError("HTTP door");
  }

  async #useOnce<T>(work: (admin: Admin, connection: Connection) => Promise<T>): Promise<T> {
    this.#checkServing();
    this.#opened ??= this.#open();
    const { admin, connection } = await this.#opened;
    return await work(admin, connection);
  }

  #open(): Promise<Opened> {
    const opening = Connection.connect({ path: this.#socketPath }, { clientName: CLIENT_NAME })
      .then((connection) => ({ connection, admin: new Admin(connection) }));
    const forget = (): void => {
      if (this.#opened === opening) this.#opened = null;
    };
    opening.then(({ connection }) => connection.ended.then(forget), forget);
    return opening;
  }

  async #close(): Promise<void> {
    const opening = this.#opened;
    this.#opened = null;
    const opened = await opening?.catch(() => null);
    opened?.connection.close();
  }
}
