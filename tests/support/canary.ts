/**
 * A client that does everything right while others do not: it produces one record after another
 * and fetches each one back. As long as it sings, nobody else's mistake has reached it.
 */
import assert from "node:assert/strict";
import { batchOf } from "./batches.ts";
import { RawConnection } from "./raw_connection.ts";
import { pause, until } from "./until.ts";

const TOPIC = "canary";
/** Between two records: it shall be served, not be the load. */
const REST_MS = 2;

export class Canary {
  /** Records produced, acknowledged, fetched and found equal. */
  beats = 0;
  readonly #connection: RawConnection;
  #failure: unknown = null;
  #stopping = false;
  readonly #life: Promise<void>;

  private constructor(connection: RawConnection, handle: number) {
    this.#connection = connection;
    this.#life = this.#live(handle).catch((error) => {
      this.#failure = error;
    });
  }

  static async start(port: number): Promise<Canary> {
    const connection = await RawConnection.open(port);
    await connection.ask("create_topic", { name: TOPIC, partitions: 1, config: [] });
    const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
    return new Canary(connection, handle);
  }

  /** Fails unless it is served from here on. */
  async expectServed(): Promise<void> {
    const wanted = this.beats + 3;
    await until("the canary is served", () => this.beats >= wanted || this.#failure !== null);
    if (this.#failure !== null) throw this.#failure;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#life;
    this.#connection.close();
    if (this.#failure !== null) throw this.#failure;
  }

  async #live(handle: number): Promise<void> {
    while (!this.#stopping) {
      const batch = batchOf([new TextEncoder().encode(`beat ${this.beats}`)]);
      const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
      const { baseOffset } = await this.#connection.ask("produce", sent);
      assert.equal(baseOffset, this.beats, "offsets have no gap");
      const wanted = { handle, maxBytes: 65536, minBytes: 1, maxWaitMs: 0, offset: baseOffset };
      const { batches } = await this.#connection.ask("fetch", wanted);
      // The broker stamps the first 8 bytes and the epoch, at 12 to 15; the rest is as it was sent.
      assert.deepEqual(batches.slice(16), batch.slice(16), "the record comes back as it was sent");
      this.beats += 1;
      await pause(REST_MS);
    }
  }
}
