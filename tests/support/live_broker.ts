/**
 * One broker for the tests of a file that mistreat it: with a canary beside them, and a check
 * after each that nothing was left behind.
 */
import assert from "node:assert/strict";
import { after } from "node:test";
import { type Broker, startBroker } from "./broker.ts";
import { Canary } from "./canary.ts";
import { BROKER_RUNTIME } from "./pair.ts";
import { descriptors } from "./process_state.ts";
import { RawConnection } from "./raw_connection.ts";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

export class LiveBroker {
  readonly broker: Broker;
  readonly canary: Canary;
  readonly #sockets: number;

  private constructor(broker: Broker, canary: Canary) {
    this.broker = broker;
    this.canary = canary;
    this.#sockets = this.#held().length;
  }

  /**
   * Starts it, makes what the file's tests need, and ends it after the last of them, where it must
   * still end cleanly.
   */
  static async start(
    prepare: (port: number) => Promise<void>,
    settings?: Readonly<Record<string, unknown>>,
  ): Promise<LiveBroker> {
    const data = temporaryDirectory("live");
    const options = { runtime: BROKER_RUNTIME, data };
    const broker = await startBroker(settings === undefined ? options : { ...options, settings });
    await prepare(broker.port);
    const canary = await Canary.start(broker.port);
    await canary.expectServed();
    const live = new LiveBroker(broker, canary);
    after(() => live.#end());
    return live;
  }

  open(): Promise<RawConnection> {
    return RawConnection.open(this.broker.port);
  }

  connect(): Promise<RawConnection> {
    return RawConnection.connect(this.broker.port);
  }

  /** Whoever behaved is served, and the sockets of those who did not are closed. */
  async expectUnharmed(): Promise<void> {
    await this.canary.expectServed();
    let held: string[] = [];
    const asBefore = () => (held = this.#held()).length === this.#sockets;
    await until("there are as many sockets as before", asBefore).catch((error: Error) => {
      throw new Error(`${error.message}, ${this.#sockets}: ${held.join(" ")}`);
    });
  }

  /**
   * Sockets alone, each once: files of the log come and go with syncs and reads, and a thread that
   * begins with its first work brings descriptors of its own, and others for the same socket.
   */
  #held(): string[] {
    const found = descriptors(this.broker.pid).map((line) => /socket:\[\d+\]/.exec(line)?.[0]);
    return [...new Set(found.filter((socket) => socket !== undefined))];
  }

  /** Waits until the counter is there. */
  async untilCounter(name: string, wanted: (value: number) => boolean): Promise<void> {
    await until(`${name} is as wanted`, async () => wanted((await this.stats()).get(name) ?? NaN));
  }

  async stats(): Promise<Map<string, number>> {
    const connection = await this.open();
    const { counters } = await connection.ask("stats", {});
    connection.close();
    return new Map(counters.map(({ name, value }) => [name, value]));
  }

  async #end(): Promise<void> {
    await this.canary.stop();
    const ended = await this.broker.stop();
    assert.deepEqual(ended, { code: 0, signal: null }, this.broker.stderr());
  }
}
