/**
 * One data directory through many deaths of its broker, with a load, a history and a checker.
 *
 *     start -> judge all that is there -> load -> crash -> start -> judge -> …
 *
 * Invariant: nobody produces while a judgement reads, so it sees one state.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Broker, type BrokerOptions, startBroker } from "../broker.ts";
import { BROKER_RUNTIME } from "../pair.ts";
import { Prng } from "../prng.ts";
import type { RuntimeName } from "../runtimes.ts";
import { Checker } from "./checker.ts";
import { hashSegments, readFiles } from "./file_reader.ts";
import { History } from "./history.ts";
import { Load, type LoadShape } from "./load.ts";
import { compareSingles, readWire } from "./wire_reader.ts";

const CLEAN_MARKER = ".kafka_cleanshutdown";
/** Small, so that a run of a few hundred KiB rolls several times. */
const SEGMENT_BYTES = 131072;
const BUDGET_BYTES = 524288;
const START_WITHIN_MS = 60_000;

export interface ProofShape {
  readonly data: string;
  readonly seed: number;
  /** Durability of the topics; fsync by default. */
  readonly level?: "fsync" | "os";
  readonly budgetBytes?: number;
  /** What was not synced may be lost: files that are never synced are then not judged. */
  readonly diskForgets?: boolean;
  /** Of the broker, for those without a flag. */
  readonly settings?: BrokerOptions["settings"] | undefined;
  /** Of `serve`, where there are no settings. */
  readonly flags?: readonly string[];
  /** A start after many unclean stops waits, as it does for everybody. */
  readonly mayWait?: boolean;
  readonly segmentBytes?: number;
  /** Nothing leaves because it is old, whatever the load says of its time. */
  readonly keepsByAge?: boolean;
  /** Nobody produces: resolves when no more is removed. For a broker that removes by itself. */
  readonly untilAtRest?: (broker: Broker) => Promise<void>;
}

export class Proof {
  data: string;
  readonly prng: Prng;
  readonly history: History = new History();
  readonly checker: Checker = new Checker(this.history);
  readonly load: Load;
  /** What the last start took, until it served. */
  readyMs = 0;
  readonly #shape: ProofShape;
  #broker: Broker | null = null;

  constructor(shape: ProofShape) {
    this.data = shape.data;
    this.prng = new Prng(shape.seed);
    this.#shape = shape;
    this.load = new Load(loadShape(shape), this.history);
  }

  /** A broker that is served by; a start is what a crash must never prevent. */
  async start(runtime: RuntimeName = BROKER_RUNTIME): Promise<Broker> {
    this.history.life += 1;
    const { settings, flags = [], mayWait = false } = this.#shape;
    const options = { runtime, data: this.data, flags, mayWait, readyWithinMs: START_WITHIN_MS };
    const startedMs = performance.now();
    const broker = await startBroker(settings === undefined ? options : { ...options, settings })
      .catch((error: Error) => {
        throw new Error(`${this.#where}: the broker does not start: ${error.message}`);
      });
    this.readyMs = performance.now() - startedMs;
    this.#broker = broker;
    await this.load.prepare(broker.port);
    return broker;
  }

  /** What a proof that failed has left running. */
  async close(): Promise<void> {
    await this.#broker?.kill();
    await this.load.end();
  }

  /** All that the broker shows, against all that was tried and seen so far. */
  async judge(broker: Broker): Promise<void> {
    const { places } = this.load;
    await this.#shape.untilAtRest?.(broker);
    const readings = await readWire(broker.port, places);
    this.checker.judge(readings);
    await compareSingles(broker.port, places, readings, this.checker, this.prng);
    this.expectSound();
  }

  /**
   * The end of a proof: the idempotent producer gets its answers, the broker stops cleanly, and
   * the files are what it showed.
   */
  async finish(broker: Broker): Promise<void> {
    const { places } = this.load;
    assert.equal(await this.load.settle(broker.port), 0, "every retry is answered in the end");
    await this.#shape.untilAtRest?.(broker);
    const wire = await readWire(broker.port, places);
    this.checker.judge(wire);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
    assert.ok(existsSync(join(this.data, CLEAN_MARKER)), "the clean marker is there");
    this.compareFiles(wire);
    this.expectSound();
    assert.ok(this.checker.compared > 0, "there was something to compare");
  }

  /** After a clean stop: files and wire are the same, and so are the indexes. */
  compareFiles(wire: readonly Parameters<Checker["compare"]>[0][]): void {
    const files = readFiles(
      this.data,
      this.load.places,
      this.checker,
      this.#shape.diskForgets !== true,
    );
    this.checker.judge(files);
    wire.forEach((reading, i) => this.checker.compare(reading, files[i]!));
  }

  /** C11: two recoveries in a row leave the same bytes. */
  async recoverTwice(): Promise<void> {
    const bytes: Map<string, string>[] = [];
    for (let times = 0; times < 2; times += 1) {
      const broker = await this.start();
      await broker.kill();
      bytes.push(hashSegments(this.data, this.load.places));
    }
    assert.deepEqual(bytes[1], bytes[0], `${this.#where}: C11: the second recovery changed bytes`);
  }

  expectSound(): void {
    assert.deepEqual(this.checker.violations, [], this.#where);
  }

  get #where(): string {
    return `seed ${this.#shape.seed}, start ${this.history.life} of the broker`;
  }
}

function loadShape(shape: ProofShape): LoadShape {
  const durability = shape.level ?? "fsync";
  const segmentBytes = shape.segmentBytes ?? SEGMENT_BYTES;
  const config = {
    "segment.bytes": String(segmentBytes),
    durability,
    ...(shape.keepsByAge === true ? { "retention.ms": "-1" } : {}),
  };
  const large = String(segmentBytes * 4);
  return {
    topics: [
      { name: "orders", partitions: 2, config },
      { name: "events", partitions: 1, config: { ...config, "segment.bytes": large } },
    ],
    budgetBytes: shape.budgetBytes ?? BUDGET_BYTES,
    seed: shape.seed,
  };
}
