/**
 * How the routes reach the broker: as a client does, over the shard's Unix socket. One connection
 * for all requests, made when the first of them needs it, and made again when it is lost.
 *
 *     recovering -> serving -> stopping
 *
 * Nothing is repeated here: the client of the HTTP door hears of what failed, and whether to try
 * again.
 *
 * Invariant: before `serving` and after `stop` nothing is asked of the shard.
 */

import { Admin } from "../client/admin.ts";
import { Connection } from "../client/connection.ts";
import { BrokerError, ClosedError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { HttpError } from "./problem.ts";

const CLIENT_NAME = "sluice-http";

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

  /** Nothing more is asked; what is being asked fails. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#close();
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

  async #useOnce<T>(work: (admin: Admin, connection: Connection) => Promise<T>): Promise<T> {
    if (this.state === "recovering") throw new HttpError("http_starting");
    if (this.state === "stopping") throw new ClosedError("HTTP door");
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
