/**
 * A syncer over real partitions and an AIO context in the hands of the test: turns are taken, and
 * syncs ended, one by one.
 */
import { completeAppends, flushAppended, produce } from "../../src/broker/produce.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import { Acks } from "../../src/format/levels.ts";
import type { TopicConfig } from "../../src/format/topic_config.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../../src/limits.ts";
import { AIO_ALONE, Syncer, type SyncOptions } from "../../src/server/sync.ts";
import { batchOfSize, memoryOf } from "./batches.ts";
import { type AppendAnswer, Recorder } from "./broker_world.ts";
import { FakeAio, libcWithAio } from "./fake_aio.ts";
import { NativeWorld } from "./native_world.ts";

export interface SyncWorldOptions extends Partial<SyncOptions> {
  aio?: FakeAio | number;
}

export class SyncWorld {
  readonly native: NativeWorld = new NativeWorld();
  readonly aio: FakeAio = new FakeAio(SYNCS_IN_FLIGHT_MAX);
  readonly door: Recorder = new Recorder();
  readonly syncer: Syncer;
  nowMs = 1000;

  constructor(count: number, config: Partial<TopicConfig> = {}, options: SyncWorldOptions = {}) {
    const { aio = this.aio, ...syncOptions } = options;
    // Of the clocks only the difference of two readings counts: the test's own is as good.
    const clock = { monotonicMs: () => this.nowMs };
    const whole = { ...AIO_ALONE, ...syncOptions };
    this.syncer = new Syncer(libcWithAio(aio, clock), this.native.broker, whole);
    this.native.addTopic("t", count, config);
  }

  get partitions(): TopicPartition[] {
    return this.native.broker.topics.partitions;
  }

  produce(index: number, correlation: number, size: number = 100, acks: number = Acks.all): void {
    const memory = memoryOf(batchOfSize(size));
    const { broker } = this.native;
    produce(broker, this.partitions[index]!, memory, 0, size, acks, 8, 1, correlation, 0);
  }

  delete(index: number): void {
    const partition = this.partitions[index]!;
    partition.removed = true;
    partition.log.abandon();
  }

  /** Writes what was produced and begins the syncs that are due, as a turn does. */
  turn(all: boolean = false): void {
    flushAppended(this.native.broker, this.nowMs);
    this.syncer.request(this.nowMs, all, this.door);
    completeAppends(this.native.broker, this.door);
  }

  answers(): AppendAnswer[] {
    return this.door.takeAppends();
  }

  correlations(): number[] {
    return this.answers().map(({ correlation }) => correlation);
  }

  end(): void {
    this.syncer.close();
    this.native.end();
  }
}
