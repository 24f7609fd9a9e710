/**
 * A fake broker that knows idempotent producers as a real one does, and a client of it: for tests
 * of what the client does when answers are lost, late or bad.
 */
import { Buffer } from "node:buffer";
import { heapBlock } from "../../../src/base/bytes.ts";
import { Client, type ClientOptions } from "../../../src/client/client.ts";
import { RecordReader } from "../../../src/client/record_reader.ts";
import { until } from "../../support/until.ts";
import { errorReply, FakeBroker, reply, type Request } from "./fake_broker.ts";

/** A batch that the broker took. */
export interface Stored {
  readonly partition: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
  readonly batch: Buffer;
}

/** The values of a batch as it was produced, as text. */
export function valuesOf(batch: Uint8Array): string[] {
  const block = heapBlock(batch.length);
  block.bytes.set(batch);
  const reader = new RecordReader(block);
  reader.open(block, 0, batch.length, 0, Infinity);
  const values: string[] = [];
  const decoder = new TextDecoder();
  while (reader.next()) {
    values.push(decoder.decode(reader.block.bytes.subarray(reader.valueStart, reader.valueEnd)));
  }
  return values;
}

const OUT_OF_ORDER = 45;
const STALE_EPOCH = 47;

export class FakeCluster {
  readonly broker: FakeBroker;
  readonly stored: Stored[] = [];
  partitions = 1;
  maxMessageBytes = 1_000_000;
  topicId = "00000000-0000-0000-0000-00000000000a";
  /** Asked for each produce before it is stored; what it gives is the answer. */
  refuse: (request: Request, attempt: number) => Buffer | null | undefined = () => undefined;
  /** Asked for each produce after it was stored: `null` loses the answer. */
  lose: (request: Request, attempt: number) => boolean = () => false;
  /** Asked first for everything. */
  answer: (request: Request) => Buffer | null | undefined = () => undefined;
  #produced = 0;
  #producers = 0;
  readonly #ends: Map<number, number> = new Map();

  private constructor(broker: FakeBroker) {
    this.broker = broker;
    broker.answer = (request) => {
      const chosen = this.answer(request);
      return chosen === undefined ? this.#answer(request) : chosen;
    };
  }

  static async start(): Promise<FakeCluster> {
    return new FakeCluster(await FakeBroker.start());
  }

  connect(options: Partial<ClientOptions> = {}): Promise<Client> {
    const { host, port } = this.broker.address;
    const quick = { reconnectBackoffMs: 1, reconnectBackoffMaxMs: 5 };
    return Client.connect({ brokers: [`${host}:${port}`], ...quick, ...options });
  }

  /** Settles when a subscription was asked for so many times. */
  async subscribed(count: number): Promise<void> {
    await until(`${count} subscriptions`, () => this.broker.named("subscribe").length >= count);
  }

  /** Ends all connections; the client comes back by itself. */
  cut(): void {
    for (const socket of this.broker.sockets) socket.destroy();
  }

  /** Answers a produce that was left without an answer. */
  take(request: Request): void {
    const answer = this.#answer(request);
    if (answer !== null && answer !== undefined) this.broker.send(answer);
  }

  #answer(request: Request): Buffer | null | undefined {
    if (request.name === "init_producer") {
      this.#producers += 1;
      return reply(request, { producerId: this.#producers, producerEpoch: 0 });
    }
    if (request.name === "metadata") return this.#metadata(request);
    if (request.name === "open_partition") {
      const partition = request.body.readUInt32BE(request.body.length - 4);
      return reply(request, {
        handle: partition,
        leaderEpoch: 0,
        logStart: 0,
        visibleEnd: this.#ends.get(partition) ?? 0,
        maxMessageBytes: this.maxMessageBytes,
        durability: 3,
      });
    }
    return request.name === "produce" ? this.#produce(request) : undefined;
  }

  #metadata(request: Request): Buffer {
    const partitions = Array.from({ length: this.partitions }, () => ({ leader: 4 }));
    const config = [{ key: "max.message.bytes", value: `${this.maxMessageBytes}` }];
    const { topicId } = this;
    const nodes = [{ nodeId: 4, host: "127.0.0.1", port: 1 }];
    return reply(request, {
      nodes,
      topics: [{ error: 0, name: "t", topicId, partitions, config }],
    });
  }

  #produce(request: Request): Buffer | null {
    this.#produced += 1;
    const attempt = this.#produced;
    const refusal = this.refuse(request, attempt);
    if (refusal !== undefined) return refusal;
    const partition = request.body.readUInt32BE(0);
    const batch = Buffer.from(request.body.subarray(8));
    const producerId = Number(batch.readBigInt64BE(43));
    const epoch = batch.readInt16BE(51);
    const sequence = batch.readInt32BE(53);
    const count = batch.readInt32BE(57);
    const own = this.stored.filter((other) => {
      return other.partition === partition && other.producerId === producerId && producerId >= 0;
    });
    const last = own.at(-1);
    if (last !== undefined && epoch < last.epoch) {
      return errorReply(request.correlation, STALE_EPOCH, "");
    }
    const isRepeated = own.some((other) => other.epoch === epoch && other.sequence === sequence);
    if (!isRepeated) {
      const expected = last === undefined || epoch > last.epoch ? null : last.sequence + last.count;
      // Of a producer that it does not know it takes any number, as Kafka does.
      const isNext = expected === null
        ? last === undefined || sequence === 0
        : sequence === expected;
      if (!isNext) return errorReply(request.correlation, OUT_OF_ORDER, "");
      this.stored.push({ partition, producerId, epoch, sequence, count, batch });
      this.#ends.set(partition, (this.#ends.get(partition) ?? 0) + count);
    }
    if (this.lose(request, attempt)) return null;
    const baseOffset = this.#baseOffset(partition, producerId, epoch, sequence);
    return reply(request, { baseOffset, level: 3, reserved: 0, reserved2: 0, leaderEpoch: 0 });
  }

  #baseOffset(partition: number, producerId: number, epoch: number, sequence: number): number {
    if (producerId < 0) return this.#ends.get(partition)! - this.stored.at(-1)!.count;
    let offset = 0;
    for (const other of this.stored) {
      if (other.partition !== partition) continue;
      const isIt = other.producerId === producerId && other.epoch === epoch;
      if (isIt && other.sequence === sequence) break;
      offset += other.count;
    }
    return offset;
  }
}
