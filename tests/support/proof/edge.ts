/**
 * A box on the edge: a small disk, more data than fits on it, and a supply that fails again and
 * again.
 *
 *     start -> judge what is there -> full load, the oldest leave -> power cut -> mount -> …
 *     |------------ looks at the blocks that are used ------------|
 *
 * The command that starts the broker is the same each time, and nobody helps it. What is on the
 * disk lies between two bounds: never more than `--retention-total`, and at rest not much less than
 * the mark at which the oldest leave. So a log start that rises too far is found as well.
 *
 * Invariant: in each life of the broker records were acknowledged, and older ones left.
 */
import assert from "node:assert/strict";
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { MiB } from "../../../src/base/units.ts";
import { DEFAULTS } from "../../../src/config_defaults.ts";
import { describeError, ErrorCodes, type ErrorName } from "../../../src/format/errors.ts";
import { UNCLEAN_STOPS_FILE } from "../../../src/format/file_names.ts";
import { BOUND_STEP_DIVISOR, BOUND_STEP_MIN } from "../../../src/limits.ts";
import type { Broker } from "../broker.ts";
import { figure, mebibytes } from "../figures.ts";
import { START_WAITS } from "../unclean_stops.ts";
import { pause, until } from "../until.ts";
import { counter } from "./counters.ts";
import { LoopDisk } from "./loop_disk.ts";
import { cutPower, MOUNTS } from "./power_cuts.ts";
import { Proof } from "./proof.ts";

export interface EdgeShape {
  readonly seed: number;
  /** Of the disk. */
  readonly sizeMib: number;
  /** From a start of the broker to the cut at least; it goes on until older segments leave. */
  readonly everyMs: number;
}

const SHARE = 80;
const SEGMENT_BYTES = MiB;
const LOOK_EVERY_MS = 10;
/** The first ones leave when the disk has been filled: on a busy machine that takes a while. */
const LEAVE_WITHIN_MS = 120_000;
const MOUNT_OPTIONS = MOUNTS.ext4;

export class Edge {
  readonly #shape: EdgeShape;
  readonly #disk: LoopDisk;
  readonly #proof: Proof;
  readonly #blocks: Blocks;
  readonly #readyMs: number[] = [];
  #limitBytes = 0;
  #cuts = 0;
  #leftBytes = 0;
  /** Of the disk, at rest after a start. */
  #leastBytes = Infinity;
  #isBroken = false;

  /** Makes the disk. Throws when the machine does not allow that. */
  constructor(shape: EdgeShape) {
    const { seed, sizeMib } = shape;
    this.#shape = shape;
    this.#disk = LoopDisk.create({ fileSystem: "ext4", sizeMib, ramMib: sizeMib + 8 });
    this.#blocks = new Blocks(this.#disk.path);
    this.#proof = new Proof({
      ...{ data: join(this.#disk.path, "d"), seed, diskForgets: true },
      ...{ budgetBytes: Infinity, segmentBytes: SEGMENT_BYTES, keepsByAge: true },
      ...{ flags: ["--retention-total", `${SHARE}%`], mayWait: true },
      untilAtRest: (broker) => this.#untilAtRest(broker),
    });
  }

  /** One life of the broker. Afterwards the disk is mounted again, and nobody serves. */
  async serveAndCut(): Promise<void> {
    assert.ok(!this.#isBroken, "an earlier part failed");
    this.#isBroken = true;
    const proof = this.#proof;
    const startedMs = performance.now();
    const broker = await this.#start();
    const acked = proof.history.ackedRecords;
    await proof.load.begin(broker.port);
    const left = () => counter(broker.port, "segments_deleted_bytes_total");
    await until("the oldest leave", async () => {
      this.#expectBound();
      return await left() > 0;
    }, LEAVE_WITHIN_MS);
    await pause(Math.max(0, this.#shape.everyMs - (performance.now() - startedMs)));
    this.#leftBytes += await left();
    await this.#expectLongRun(broker);
    this.#blocks.end();
    await cutPower(proof, broker, this.#disk, this.#cuts % 4 === 3 ? 1 : 2);
    this.#cuts += 1;
    this.#expectBound();
    this.#expectRefusals();
    assert.ok(proof.history.ackedRecords > acked, "records were acknowledged");
    this.#disk.mount(MOUNT_OPTIONS[this.#cuts % MOUNT_OPTIONS.length]);
    this.#isBroken = false;
  }

  /** The last start, a clean stop, and the files against the wire. */
  async finish(): Promise<void> {
    assert.ok(!this.#isBroken, "an earlier part failed");
    const proof = this.#proof;
    await proof.finish(await this.#start());
    this.#blocks.end();
    this.#expectBound();
    assert.equal(proof.checker.lost, 0);
    this.#tell();
  }

  async remove(): Promise<void> {
    this.#blocks.end();
    await this.#proof.close();
    await this.#disk.remove();
  }

  async #start(): Promise<Broker> {
    this.#blocks.begin();
    const broker = await this.#proof.start();
    this.#readyMs.push(this.#proof.readyMs);
    assert.doesNotMatch(broker.stderr(), START_WAITS, "it did not wait");
    this.#limitBytes = await counter(broker.port, "retention_limit_bytes");
    const share = this.#limitBytes / this.#shape.sizeMib / MiB * 100;
    assert.ok(share > SHARE - 10 && share <= SHARE, "the bound is what the command says");
    await this.#proof.judge(broker);
    if (this.#cuts > 0) this.#expectKept();
    return broker;
  }

  /** What is counted is never less than what is there, except before it was counted at all. */
  async #untilAtRest(broker: Broker): Promise<void> {
    await until("the oldest have left", async () => {
      const counted = await counter(broker.port, "retention_used_bytes");
      return counted >= this.#blocks.look() && counted <= this.#trimBytes;
    });
  }

  get #stepBytes(): number {
    return Math.max(BOUND_STEP_MIN, Math.floor(this.#limitBytes / BOUND_STEP_DIVISOR));
  }

  /** Above it the oldest segments leave. */
  get #trimBytes(): number {
    return this.#limitBytes - 3 * this.#stepBytes;
  }

  #expectKept(): void {
    const bytes = this.#blocks.look();
    this.#leastBytes = Math.min(this.#leastBytes, bytes);
    const said = `${mebibytes(bytes)} of ${mebibytes(this.#limitBytes)} are used at rest`;
    assert.ok(bytes > this.#trimBytes * 0.7, said);
  }

  /** A run that has served for long enough is not one of those that make a start wait. */
  async #expectLongRun({ port }: Broker): Promise<void> {
    if (this.#shape.everyMs <= DEFAULTS.restarts.shortMs) return;
    const file = join(this.#proof.data, UNCLEAN_STOPS_FILE);
    await until(`the run on port ${port} is no short one`, () => !existsSync(file));
  }

  #expectBound(): void {
    const { mostBytes, looks } = this.#blocks;
    assert.ok(looks > 0, "somebody looked");
    const said = `${mostBytes} bytes were used, ${this.#limitBytes} are allowed`;
    assert.ok(mostBytes <= this.#limitBytes, said);
  }

  /** Producers wait, or are told to try again; behind a refused batch the next one is a gap. */
  #expectRefusals(): void {
    for (const { outcome, error, idempotent } of this.#proof.history.attempts) {
      if (outcome !== "failed" || (idempotent && error === "out_of_order_sequence")) continue;
      assert.ok(describeError(ErrorCodes[error as ErrorName]).retriable, error);
    }
  }

  #tell(): void {
    const { seed, sizeMib } = this.#shape;
    const { history, checker } = this.#proof;
    const count = (wanted: string) => {
      return history.attempts.filter(({ outcome }) => outcome === wanted).length;
    };
    const { mostBytes, looks } = this.#blocks;
    figure(
      `${this.#cuts} power cuts of a ${sizeMib} MiB disk (seed ${seed}), --retention-total ` +
        `${SHARE}%: at most ${mebibytes(mostBytes)} of ${mebibytes(this.#limitBytes)} used in ` +
        `${looks} looks, at rest at least ${mebibytes(this.#leastBytes)}; ` +
        `${history.ackedRecords} records acknowledged, ${mebibytes(this.#leftBytes)} left with ` +
        `the oldest segments, ${checker.lost} lost, ${count("failed")} batches refused, ` +
        `${count("unknown")} without an answer, ${checker.compared} compared`,
    );
    const [first, ...restarts] = this.#readyMs.map((ms) => ms.toFixed(0));
    figure(
      "edge: from the start of the program to ready after each cut, ms (goal 2000): " +
        `${restarts.join(", ")}; the first start ${first}`,
    );
  }
}

/** What is used of a file system, removed files that are still open included. */
class Blocks {
  mostBytes = 0;
  looks = 0;
  readonly #path: string;
  /** What the file system takes for itself. */
  readonly #emptyBytes: number;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#emptyBytes = usedBytes(path);
  }

  /** Looks again and again until `end`; it must stay mounted so long. */
  begin(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  look(): number {
    const bytes = usedBytes(this.#path) - this.#emptyBytes;
    this.mostBytes = Math.max(this.mostBytes, bytes);
    this.looks += 1;
    return bytes;
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function usedBytes(path: string): number {
  const { blocks, bfree, bsize } = statfsSync(path);
  return (blocks - bfree) * bsize;
}
