/**
 * One address of a broker and the connection to it, made again when it is lost.
 *
 *     idle -> dialling -> connected -> lost -> (back-off) -> dialling …
 *
 * Whoever needs the connection calls `get`; all who wait share one attempt, and after a failure
 * the next attempt begins when the back-off is over, however many ask.
 *
 * Invariant: at most one connection is open or being made.
 */

import { Backoff, sleep } from "./backoff.ts";
import { addressText, type BrokerAddress } from "./broker_address.ts";
import { Connection, type ConnectOptions } from "./connection.ts";
import { ClosedError, SluiceError } from "./errors.ts";
import { tell } from "./tell.ts";

/** What happens to a connection, for whoever watches. */
export interface ConnectionEvent {
  readonly address: string;
  readonly state: "connected" | "lost" | "refused";
  /** Why it was lost or refused; null when it is connected. */
  readonly error: SluiceError | null;
}

export interface EndpointOptions extends ConnectOptions {
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMaxMs: number;
  readonly onConnection?: ((event: ConnectionEvent) => void) | undefined;
}

export class Endpoint {
  readonly address: string;
  readonly #address: BrokerAddress;
  readonly #options: EndpointOptions;
  readonly #backoff: Backoff;
  readonly #closing: AbortController = new AbortController();
  #connection: Connection | null = null;
  #dialling: Promise<Connection> | null = null;
  /** No attempt before this, by `performance.now()`. */
  #notBeforeMs = 0;

  constructor(address: BrokerAddress, options: EndpointOptions) {
    this.address = addressText(address);
    this.#address = address;
    this.#options = options;
    this.#backoff = new Backoff(options.reconnectBackoffMs, options.reconnectBackoffMaxMs);
  }

  /** The connection that is open now, or null. */
  get connection(): Connection | null {
    return this.#connection?.failure === null ? this.#connection : null;
  }

  /** The open connection, or the next attempt's. Throws ConnectionError, or what hello said. */
  get(): Promise<Connection> {
    const { connection } = this;
    if (connection !== null) return Promise.resolve(connection);
    this.#dialling ??= this.#dial().finally(() => (this.#dialling = null));
    return this.#dialling;
  }

  close(): void {
    this.#closing.abort();
    this.#connection?.close();
  }

  async #dial(): Promise<Connection> {
    const { signal } = this.#closing;
    await sleep(Math.max(0, this.#notBeforeMs - performance.now()), signal);
    if (signal.aborted) throw new ClosedError("client");
    try {
      const connection = await Connection.connect(this.#address, this.#options);
      if (!signal.aborted) this.#connected(connection);
      else connection.close();
      return connection; // where it is closed, whoever uses it hears so
    } catch (error) {
      this.#notBeforeMs = performance.now() + this.#backoff.nextMs();
      if (error instanceof SluiceError) this.#tell("refused", error);
      throw error;
    }
  }

  #connected(connection: Connection): void {
    this.#connection = connection;
    this.#backoff.reset();
    this.#tell("connected", null);
    void connection.ended.then((error) => {
      // A broker that takes connections and ends them at once is not asked in a tight loop.
      this.#notBeforeMs = performance.now() + this.#backoff.nextMs();
      if (!this.#closing.signal.aborted) this.#tell("lost", error);
    });
  }

  #tell(state: ConnectionEvent["state"], error: SluiceError | null): void {
    tell(this.#options.onConnection, { address: this.address, state, error });
  }
}
