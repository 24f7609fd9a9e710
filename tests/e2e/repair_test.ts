/**
 * Damage below the recovery point, from its finding to its end: the broker serves what is whole
 * and takes nothing new, `verify` names it, `repair` cuts it off, and the partition is written
 * again, with the offsets from the cut on given anew.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CLEAN_STOP_FILE, RECOVERY_POINT_FILE } from "../../src/format/file_names.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { batchOf, concat, sameBytes, walkBatches } from "../support/batches.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { named } from "../support/data_directory.ts";
import { fetch, produce } from "../support/frames.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const BATCHES = 10;
const RECORDS = 2;
/** The batch whose header is damaged, and its first offset. */
const DAMAGED = 6;
const CUT = DAMAGED * RECORDS;
const PRODUCER_ID = 1000;
const FETCH_HEADER = 12 + 16;

const sluice = (...args: readonly string[]) => runSluice({ runtime: CLIENT_RUNTIME, args });
const started = (data: string) => startBroker({ runtime: BROKER_RUNTIME, data });

/** The batch number `at` of an idempotent producer. */
function batchAt(at: number): Uint8Array {
  const values = [0, 1].map((record) => new TextEncoder().encode(`value ${at * RECORDS + record}`));
  return batchOf(values, {
    producerId: PRODUCER_ID,
    producerEpoch: 0,
    baseSequence: at * RECORDS,
  });
}

interface Opened {
  readonly connection: RawConnection;
  readonly handle: number;
}

async function opened(broker: Broker, topic: string): Promise<Opened> {
  const connection = await RawConnection.open(broker.port);
  const { handle } = await connection.ask("open_partition", { topic, partition: 0 });
  return { connection, handle };
}

async function produced({ connection, handle }: Opened, batch: Uint8Array): Promise<number> {
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
  return (await connection.ask("produce", sent)).baseOffset;
}

/** Topics `t`, with its batches, and `other`; a clean stop. */
async function filled(data: string): Promise<void> {
  const broker = await started(data);
  for (const topic of ["t", "other"]) {
    const { connection, handle } = await created(broker, topic);
    for (let at = 0; at < BATCHES; at += 1) {
      assert.equal(await produced({ connection, handle }, batchAt(at)), at * RECORDS);
    }
    connection.close();
  }
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

async function created(broker: Broker, topic: string): Promise<Opened> {
  const connection = await RawConnection.open(broker.port);
  await connection.ask("create_topic", { name: topic, partitions: 1, config: [] });
  const { handle } = await connection.ask("open_partition", { topic, partition: 0 });
  return { connection, handle };
}

/** What lies below the damage is served as it was written; the rest is refused, and produce. */
async function servedDegraded(data: string, log: Uint8Array): Promise<void> {
  const broker = await started(data);
  assert.match(broker.stderr(), /t-0 is damaged and takes no new records: .*offsets 12 to 19/);
  const { connection, handle } = await opened(broker, "t");
  await connection.send(produce(handle, batchAt(BATCHES)));
  assert.equal((await connection.reply()).code, ErrorCodes.partition_degraded);
  await connection.send(fetch(handle, 0));
  const below = await connection.reply();
  assert.equal(below.code, 0);
  const whole = walkBatches(log).slice(0, DAMAGED);
  sameBytes(below.bytes.slice(FETCH_HEADER), concat(whole.map(({ bytes }) => bytes)), "below");
  for (const offset of [CUT, BATCHES * RECORDS - 1]) {
    await connection.send(fetch(handle, offset));
    assert.equal((await connection.reply()).code, ErrorCodes.partition_degraded, `at ${offset}`);
  }
  connection.close();
  const other = await opened(broker, "other");
  assert.equal(await produced(other, batchAt(BATCHES)), BATCHES * RECORDS, "of no concern there");
  other.connection.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

async function consumed(broker: Broker, topic: string): Promise<string[]> {
  const { out, code, stderr } = await sluice(
    ...["consume", topic, "--broker", `127.0.0.1:${broker.port}`],
  );
  assert.equal(code, 0, stderr);
  return out.trimEnd().split("\n");
}

const valuesTo = (end: number) => Array.from({ length: end }, (_, offset) => `value ${offset}`);

test(`damaged below the recovery point, served, repaired and written, ${PAIR}`, async () => {
  const data = join(temporaryDirectory("repair"), "d");
  const path = join(data, "t-0", named(0, ".log"));
  await filled(data);
  const whole = new Uint8Array(readFileSync(path));
  const damaged = whole.slice();
  const { position } = walkBatches(whole)[DAMAGED]!;
  damaged[position + 8]! ^= 64; // the length in its header
  writeFileSync(path, damaged);
  const found = await sluice("verify", data);
  assert.equal(found.code, 1);
  assert.match(found.out, /^damage .*, offsets 12 to 13: .*after a clean stop.*repair DIR t-0\n$/);
  // Twice: a degraded partition is found degraded at every start, and no byte is changed.
  for (let start = 0; start < 2; start += 1) {
    await servedDegraded(data, whole);
    sameBytes(new Uint8Array(readFileSync(path)), damaged, "left as it is");
    assert.throws(() => readFileSync(join(data, CLEAN_STOP_FILE)), /ENOENT/);
  }
  assert.match(readFileSync(join(data, RECOVERY_POINT_FILE), "utf8"), /^t 0 20$/m);
  assert.match((await sluice("verify", data)).out, /^damage .*12 to 13: .*below the recovery po/);
  await repaired(data, damaged);
  await writtenAgain(data);
});

async function repaired(data: string, damaged: Uint8Array): Promise<void> {
  const planned = await sluice("repair", data, "t-0");
  assert.equal(planned.code, 1);
  assert.match(planned.out, /would cut .*the log then ends at 12; offsets 12 to 19 go/s);
  const done = await sluice("repair", data, "t-0", "--truncate");
  assert.equal(done.code, 0, done.stderr);
  const copy = readFileSync(join(data, "t-0", `${named(0, ".log")}.damaged-1`));
  sameBytes(new Uint8Array(copy), damaged, "nothing is lost");
  const clean = await sluice("verify", data);
  assert.deepEqual([clean.code, clean.out], [0, ""]);
}

/** From the cut on, offsets are given anew, and the producer's later batches are forgotten. */
async function writtenAgain(data: string): Promise<void> {
  const broker = await started(data);
  assert.doesNotMatch(broker.stderr(), /damaged/);
  assert.deepEqual(await consumed(broker, "t"), valuesTo(CUT));
  const again = await opened(broker, "t");
  assert.equal(await produced(again, batchAt(DAMAGED - 1)), CUT - RECORDS, "a retry");
  assert.equal(await produced(again, batchAt(DAMAGED)), CUT, "not one: it went with the cut");
  again.connection.close();
  await broker.kill();
  const after = await started(data);
  assert.deepEqual(await consumed(after, "t"), valuesTo(CUT + RECORDS));
  assert.deepEqual(await consumed(after, "other"), valuesTo((BATCHES + 1) * RECORDS));
  assert.deepEqual(await after.stop(), { code: 0, signal: null }, after.stderr());
  assert.equal((await sluice("verify", data)).code, 0);
}
