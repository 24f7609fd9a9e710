/**
 * The proof that an event stream is gone on with: a client of a topic of three partitions, cut at
 * random bytes again and again while records are produced, sees each of them exactly once, in the
 * order of its partition. A cut is in the middle of an event, or of a chunk of HTTP. Between cuts
 * the broker may be stopped, or killed, and started again.
 */
import assert from "node:assert/strict";
import { Client } from "../../../src/client/client.ts";
import type { Producer } from "../../../src/client/producer.ts";
import { type Broker, startBroker } from "../broker.ts";
import { EventParser, EventReader, type ServerEvent } from "../event_stream.ts";
import { HttpDoor } from "../http.ts";
import { BROKER_RUNTIME } from "../pair.ts";
import { Prng } from "../prng.ts";
import { pause, until } from "../until.ts";

export const TOPIC = "followed";
const PARTITIONS = 3;
const TARGET = `/v1/topics/${TOPIC}/stream?from=earliest`;
/** Records on their way at the same time. */
const TOGETHER = 64;
/** Bytes that a connection gets before it is cut, at the most. */
const CUT_BYTES_MAX = 60_000;

export interface ResumedStreamOptions {
  readonly data: string;
  readonly seed: number;
}

export class ResumedStream {
  cuts = 0;
  /** Cuts of connections that had records of their own. */
  advances = 0;
  restarts = 0;
  /** What was acknowledged, by place. */
  readonly #sent: Map<string, string> = new Map();
  /** What the reader saw, by place, in the order in which it did. */
  readonly #seen: Map<string, string> = new Map();
  /** Events that were not the next one of their partition. */
  readonly #wrong: string[] = [];
  readonly #nextOffsets: number[] = Array.from({ length: PARTITIONS }, () => 0);
  readonly #parser: EventParser = new EventParser();
  readonly #options: ResumedStreamOptions;
  readonly #prng: Prng;
  #broker: Broker | null = null;
  #door: HttpDoor | null = null;
  #client: Client | null = null;
  #loads: Promise<void>[] = [];
  #isLoading = false;

  constructor(options: ResumedStreamOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
  }

  get records(): number {
    return this.#seen.size;
  }

  async start(): Promise<void> {
    await this.#startBroker("127.0.0.1:0");
    const { port } = this.#broker!;
    this.#client = await Client.connect({ brokers: [`127.0.0.1:${port}`] });
    await this.#client.admin.createTopic(TOPIC, { partitions: PARTITIONS });
    const producer = await this.#client.producer();
    this.#isLoading = true;
    this.#loads = Array.from({ length: TOGETHER }, (_, number) => this.#load(producer, number));
  }

  /** So many connections, each cut at a random byte of what it is sent. */
  async cut(times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      const before = this.#seen.size;
      const reader = this.#open(this.#prng.below(CUT_BYTES_MAX));
      await reader.ended;
      assert.ok([0, 200].includes(await reader.answered), reader.body);
      this.#expectOrder();
      this.cuts += 1;
      if (this.#seen.size > before) this.advances += 1;
      else await pause(this.#prng.below(20)); // it was cut at once
    }
  }

  /** Stops or kills the broker below a reader, and starts it again. */
  async restart(how: "stop" | "kill"): Promise<void> {
    const reader = this.#open(Infinity);
    assert.equal(await reader.answered, 200, reader.body);
    const broker = this.#broker!;
    const ended = await broker[how]();
    if (how === "stop") assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
    const isWhole = await reader.ended;
    if (how === "stop") assert.equal(isWhole, true, "a stop ends streams, it does not cut them");
    await this.#startBroker(`127.0.0.1:${broker.port}`);
    this.restarts += 1;
  }

  /** No more load: what is left is read, and compared with what was acknowledged. */
  async finish(): Promise<void> {
    this.#isLoading = false;
    await Promise.all(this.#loads);
    const reader = this.#open(Infinity);
    await until("all that was acknowledged is seen", () => this.#seen.size >= this.#sent.size);
    reader.cut();
    await reader.ended;
    this.#expectOrder();
    await this.#client!.close();
    const ended = await this.#broker!.stop();
    assert.deepEqual(ended, { code: 0, signal: null }, this.#broker!.stderr());
    assert.ok(this.#sent.size > 0);
    assert.ok(this.advances > this.cuts / 2, `${this.advances} of ${this.cuts} cuts met records`);
    for (const [place, value] of this.#sent) assert.equal(this.#seen.get(place), value, place);
    assert.equal(this.#seen.size, this.#sent.size, "nothing that nobody sent");
  }

  async #startBroker(native: string): Promise<void> {
    const { data } = this.#options;
    this.#broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true, native });
    this.#door = await HttpDoor.of(this.#broker, data);
  }

  async #load(producer: Producer, number: number): Promise<void> {
    for (let count = 0; this.#isLoading; count += 1) {
      const value = `${number}/${count}/${"x".repeat(this.#prng.below(200))}`;
      const record = { topic: TOPIC, value, partition: (number + count) % PARTITIONS };
      const { partition, offset } = await producer.send(record);
      this.#sent.set(`${partition}:${offset}`, value);
      await pause(1);
    }
  }

  #open(cutAtBytes: number): EventReader {
    const options = { door: this.#door!, target: TARGET, parser: this.#parser, cutAtBytes };
    return new EventReader({ ...options, taken: (event) => this.#take(event) });
  }

  /** What is wrong is kept: what is thrown in the callback of a socket may be lost. */
  #take({ type, data }: ServerEvent): void {
    const { partition, offset, value } = JSON.parse(data);
    const next = this.#nextOffsets[partition];
    if (type !== "message") this.#wrong.push(`${type}: ${data}`);
    else if (offset !== next) this.#wrong.push(`${partition}:${offset} where ${next} is next`);
    else {
      this.#nextOffsets[partition] = offset + 1;
      this.#seen.set(`${partition}:${offset}`, value);
    }
  }

  #expectOrder(): void {
    assert.deepEqual(this.#wrong, [], "every record is the one that is next, once");
  }
}
