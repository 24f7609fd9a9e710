/**
 * A broker on a volume that becomes full under load, again and again, and goes on by itself.
 *
 *     start -> load until it is full -> what goes on, what is refused -> room is made -> it goes on
 *
 * Room is made in turn: somebody else removes a file, records are deleted, a topic is deleted while
 * not one byte is free. The load runs all the time, the broker is never started again, and in the
 * end everything that was acknowledged is there.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Admin } from "../../../src/client/admin.ts";
import { Connection } from "../../../src/client/connection.ts";
import { PartitionProducer } from "../../../src/client/partition_producer.ts";
import { SluiceError } from "../../../src/client/errors.ts";
import { DiskState } from "../../../src/log/disk.ts";
import { lowBytes } from "../../../src/log/watermarks.ts";
import type { Broker } from "../broker.ts";
import type { RuntimeName } from "../runtimes.ts";
import { temporaryDirectory } from "../temporary.ts";
import { pause, until } from "../until.ts";
import { Proof } from "./proof.ts";
import { SmallVolume, type VolumeKind } from "./small_volume.ts";

export const VOLUME_MIB = 64;
/** What somebody else has on the volume, so that it is soon full. */
const OTHER_BYTES = 20971520;
const OTHER_STEP_BYTES = 5242880;
const BUDGET_BYTES = 67108864;
const FULL_WITHIN_MS = 60_000;
/** Long enough for several looks at the disk. */
const STAY_MS = 1500;
const SCRATCH = "scratch";
const SCRATCH_BYTES = 8388608;

export interface FullDiskFigures {
  /** How often it was full. */
  times: number;
  /** Of them: without one free byte. */
  empty: number;
  ackedRecords: number;
  refusedBatches: number;
  compared: number;
  lost: number;
}

/** Until `forMs` have passed, and at least through each way of making room. */
export async function fillOften(
  kind: VolumeKind,
  forMs: number,
  seed: number,
): Promise<FullDiskFigures> {
  const volume = SmallVolume.create(kind, VOLUME_MIB);
  const data = join(volume.path, "d");
  const proof = new Proof({ data, seed, budgetBytes: BUDGET_BYTES });
  try {
    return await new FullDisk(volume, proof).run(forMs);
  } finally {
    await proof.close();
    await volume.remove();
  }
}

class FullDisk {
  readonly #volume: SmallVolume;
  readonly #proof: Proof;
  #otherBytes = OTHER_BYTES;
  #times = 0;
  #empty = 0;

  constructor(volume: SmallVolume, proof: Proof) {
    this.#volume = volume;
    this.#proof = proof;
  }

  async run(forMs: number): Promise<FullDiskFigures> {
    const proof = this.#proof;
    this.#volume.shrink(0);
    const broker = await proof.start();
    await proof.load.begin(broker.port);
    await untilKnown(proof);
    await proof.load.finish();
    assert.ok(existsSync(join(proof.data, "reserve")), "a reserve is kept");
    const untilMs = performance.now() + forMs;
    const ways = [() => this.#shrinkOther(), () => this.#deleteRecords(broker), () => {
      return this.#deleteTopicAtZero(broker);
    }];
    for (let turn = 0; turn < ways.length || performance.now() < untilMs; turn += 1) {
      if (turn % ways.length === 0) await this.#prepare(broker);
      await proof.load.begin(broker.port);
      await this.#untilFull(broker);
      const before = proof.history.ackedRecords;
      await ways[turn % ways.length]!();
      // The room may be used up again before anybody looks at the state.
      await until("it goes on by itself", () => proof.history.ackedRecords > before + 50);
      await proof.load.finish();
      await proof.judge(broker);
    }
    await this.#deleteRecords(broker); // room for the retries too, whatever was filled again
    await until("there is room", async () => await state(broker.port) === DiskState.ok);
    await until("the reserve is there again", () => existsSync(join(proof.data, "reserve")));
    await proof.finish(broker);
    return figuresOf(proof, this.#times, this.#empty);
  }

  /** Somebody else's file, and a topic that will be deleted. */
  async #prepare(broker: Broker): Promise<void> {
    const { port } = broker;
    await this.#deleteRecords(broker);
    this.#otherBytes = OTHER_BYTES;
    this.#volume.fill();
    this.#volume.shrink(this.#otherBytes);
    // Segments are removed in the background: the state is ok again before all of them are gone.
    const needed = lowBytes(VOLUME_MIB * 1048576) + 2 * SCRATCH_BYTES;
    await until("there is room for the topic too", () => this.#volume.freeBytes > needed);
    await until("there is room", async () => await state(port) === DiskState.ok);
    await onConnection(port, async (connection) => {
      await new Admin(connection).createTopic(SCRATCH, { partitions: 1 });
      const producer = await PartitionProducer.open(connection, SCRATCH, 0);
      const value = new Uint8Array(262144);
      for (let bytes = 0; bytes < SCRATCH_BYTES; bytes += value.length) {
        await producer.append(value);
      }
      await producer.flush();
    });
  }

  async #untilFull(broker: Broker): Promise<void> {
    const { port } = broker;
    const isFull = async () => await state(port) === DiskState.full;
    await until("the disk is full", isFull, FULL_WITHIN_MS);
    this.#times += 1;
    const total = VOLUME_MIB * 1048576;
    const free = this.#volume.freeBytes;
    // One turn's batches may still be under way when the look is taken.
    assert.ok(free > lowBytes(total) / 2, `producers left ${free} of ${total} bytes free`);
    const refused = await refusals(port);
    await pause(STAY_MS);
    assert.equal(await state(port), DiskState.full, "it stays full until there is room");
    assert.ok(await refusals(port) > refused, "producers try and are refused");
    await onConnection(port, async (connection) => {
      const created = new Admin(connection).createTopic("too-much", { partitions: 1 });
      const error = await created.then(() => null, (reason: unknown) => reason);
      assert.ok(error instanceof SluiceError && error.name === "disk_full", String(error));
      assert.ok(error.retriable, "and it says that a retry can help");
    });
  }

  async #shrinkOther(): Promise<void> {
    this.#otherBytes -= OTHER_STEP_BYTES;
    await Promise.resolve(this.#volume.shrink(this.#otherBytes));
  }

  /** The older half of each partition of the load. */
  async #deleteRecords(broker: Broker): Promise<void> {
    await onConnection(broker.port, async (connection) => {
      const admin = new Admin(connection);
      for (const { topic, partition } of this.#proof.load.places) {
        const { logStart, visibleEnd } = await admin.offsets(topic, partition);
        const middle = logStart + Math.floor((visibleEnd - logStart) * 0.7);
        await admin.deleteRecords(topic, partition, middle);
      }
    });
  }

  /** Not one byte is free: the catalogue without the topic is written into the reserve. */
  async #deleteTopicAtZero(broker: Broker): Promise<void> {
    this.#volume.fill();
    this.#empty += 1;
    assert.ok(this.#volume.freeBytes < 65536, `${this.#volume.freeBytes} bytes are free`);
    await onConnection(broker.port, (connection) => new Admin(connection).deleteTopic(SCRATCH));
    // Its word comes by another pipe than the answer.
    await until("it says so", () => /the reserve is given up/.test(broker.stderr()));
  }
}

async function state(port: number): Promise<number> {
  return (await stats(port)).get("disk_state") ?? -1;
}

async function refusals(port: number): Promise<number> {
  return (await stats(port)).get("disk_refused_batches_total") ?? -1;
}

async function stats(port: number): Promise<Map<string, number>> {
  return await onConnection(port, async (connection) => {
    const counters = await new Admin(connection).stats();
    return new Map(counters.map(({ name, value }) => [name, value]));
  });
}

async function onConnection<T>(
  port: number,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** An unknown producer may begin with any sequence: this is not about that. */
async function untilKnown(proof: Proof): Promise<void> {
  const known = () => {
    const acked = proof.history.attempts.filter((one) => one.idempotent && one.baseOffset >= 0);
    return new Set(acked.map(({ place }) => place)).size === proof.load.places.length;
  };
  await until("the idempotent producer is known everywhere", known);
}

/** More than any small file needs, less than a segment. */
const FILE_BYTES_MAX = 65536;

/** RLIMIT_FSIZE keeps every segment short of its end (EFBIG) until prlimit raises it. */
export async function limitFiles(seed: number, runtime: RuntimeName): Promise<FullDiskFigures> {
  const proof = new Proof({ data: join(temporaryDirectory("limit"), "d"), seed });
  try {
    const broker = await proof.start(runtime);
    await proof.load.begin(broker.port);
    await untilKnown(proof);
    setLimit(broker, `${FILE_BYTES_MAX}:unlimited`);
    await until("a file is at its limit", async () => await state(broker.port) === DiskState.full);
    await pause(STAY_MS);
    assert.equal(await state(broker.port), DiskState.full, "it stays so");
    setLimit(broker, "unlimited");
    await until("it goes on by itself", async () => await state(broker.port) === DiskState.ok);
    const before = proof.history.ackedRecords;
    await until("records are taken", () => proof.history.ackedRecords > before + 100);
    await proof.load.finish();
    await proof.judge(broker);
    await proof.finish(broker);
    return figuresOf(proof, 1, 0);
  } finally {
    await proof.close();
  }
}

function setLimit({ pid }: Broker, fileSize: string): void {
  const args = [`--pid=${pid}`, `--fsize=${fileSize}`];
  const { status, stderr } = spawnSync("prlimit", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** What was refused was refused for this and nothing else. */
function figuresOf(proof: Proof, times: number, empty: number): FullDiskFigures {
  const { attempts, ackedRecords } = proof.history;
  const refusedBatches = attempts.filter(({ error }) => error === "disk_full").length;
  assert.ok(refusedBatches > 0, "producers met a full disk");
  // Behind a refused batch of an idempotent producer the next one, sent already, is a gap.
  const others = attempts.filter(({ outcome, error, idempotent }) => {
    const isGap = idempotent && error === "out_of_order_sequence";
    return outcome !== "acked" && error !== "disk_full" && !isGap;
  });
  assert.deepEqual(others.map(({ error }) => error), [], "and nothing else");
  const { compared, lost } = proof.checker;
  return { times, empty, ackedRecords, refusedBatches, compared, lost };
}
