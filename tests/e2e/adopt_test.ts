/**
 * A directory as Kafka leaves it, adopted and served: what Kafka knew of it is known on, and a
 * kill afterwards loses nothing. Made by hand; tests/e2e/kafka_files_gate.ts has the real Kafka.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ErrorCodes } from "../../src/format/errors.ts";
import { batchOf, concat, encodeBatch, encodeRecord, stamped } from "../support/batches.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { named, TestDirectory } from "../support/data_directory.ts";
import { produce } from "../support/frames.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { counter } from "../support/proof/counters.ts";
import { RawConnection } from "../support/raw_connection.ts";

const KEYS_ID = "7d56ff71-2b39-47a9-8d3f-4ef52ca23465";

const sluice = (...args: readonly string[]) => runSluice({ runtime: CLIENT_RUNTIME, args });

/** The records that compaction left of a batch: its offsets as they were. */
function compactedBatch(base: number, lastDelta: number, deltas: readonly number[]): Uint8Array {
  const records = deltas.flatMap((delta) => {
    const value = new TextEncoder().encode(`kept ${base + delta}`);
    return encodeRecord({ key: new Uint8Array([base + delta]), value }, delta);
  });
  const shape = { lastOffsetDelta: lastDelta, count: deltas.length };
  return stamped(encodeBatch(records, deltas.length, shape), base, 0);
}

/**
 * orders: its first 20 offsets are deleted, and producer 9 wrote only to those. keys: compacted,
 * with gaps inside of batches, between them and between segments.
 */
function directory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders");
  made.log("orders-0", [
    [{ count: 20, producerId: 9, epoch: 3 }],
    [{ count: 4, producerId: 7, epoch: 3 }, { count: 6, producerId: 7, epoch: 5 }],
  ]);
  for (const kind of [".log", ".index", ".timeindex"]) made.remove(`orders-0/${named(0, kind)}`);
  made.snapshotOf("orders-0", 30, [
    { producerId: 7, lastOffset: 29, lastSequence: 29, count: 6 },
    { producerId: 9, lastOffset: 19, lastSequence: 19, count: 20 },
  ]);
  made.checkpoint("orders-0/leader-epoch-checkpoint", ["3 0", "5 24"]);
  made.topic("keys", 1, KEYS_ID);
  made.write(
    `keys-0/${named(0, ".log")}`,
    concat([
      compactedBatch(2, 7, [0, 3, 7]),
      compactedBatch(30, 0, []),
      compactedBatch(40, 1, [1]),
    ]),
  );
  made.write(`keys-0/${named(60, ".log")}`, compactedBatch(60, 1, [0, 1]));
  made.checkpoint("recovery-point-offset-checkpoint", ["orders 0 30", "keys 0 62"]);
  made.checkpoint("log-start-offset-checkpoint", ["orders 0 22"]);
  made.checkpoint("cleaner-offset-checkpoint", ["keys 0 60"]);
  made.write("meta.properties", "version=1\ncluster.id=TDXf39s0hbCuwNtENQNevw\n");
  made.cleanStop();
  return made;
}

const KEPT = ["kept 2", "kept 5", "kept 9", "kept 41", "kept 60", "kept 61"];

async function values(broker: Broker, topic: string): Promise<string[]> {
  const result = await sluice("consume", topic, "--broker", `127.0.0.1:${broker.port}`);
  assert.equal(result.code, 0, result.stderr);
  return result.out.trimEnd().split("\n").map((value) => value.replace(/ a+$/, ""));
}

function textOf(made: TestDirectory, name: string): string {
  return readFileSync(made.path(name), "utf8");
}

test(`a start after adopt keeps what Kafka knew, ${PAIR}`, async () => {
  const made = directory();
  const adopted = await sluice("adopt", made.root);
  assert.equal(adopted.code, 0, adopted.stderr);
  assert.match(adopted.out, /topic keys was compacted: it gets cleanup\.policy=compact/);
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data: made.root });
  await knownProducers(broker);
  assert.equal((await broker.stop()).code, 0, broker.stderr());
  assert.match(textOf(made, "recovery-point-offset-checkpoint"), /^orders 0 31$/m);
  assert.match(textOf(made, "log-start-offset-checkpoint"), /^orders 0 22$/m);
  assert.match(textOf(made, "orders-0/leader-epoch-checkpoint"), /\n3 \d+\n5 24\n6 30\n$/);
  const verified = await sluice("verify", made.root);
  assert.deepEqual([verified.code, verified.out], [0, ""]);
});

/** Producer 7 by its last batch, producer 9 although none of its batches is there. */
async function knownProducers(broker: Broker): Promise<void> {
  const connection = await RawConnection.open(broker.port);
  const { handle, logStart, visibleEnd, leaderEpoch } = await connection.ask("open_partition", {
    ...{ topic: "orders", partition: 0 },
  });
  assert.deepEqual([logStart, visibleEnd, leaderEpoch], [22, 30, 6]);
  const send = async (producerId: number, baseSequence: number, count: number) => {
    const shape = { producerId, producerEpoch: 0, baseSequence };
    const batch = batchOf(Array.from({ length: count }, () => new Uint8Array(5)), shape);
    await connection.send(produce(handle, batch));
    const { code, bytes } = await connection.reply();
    return code === 0 ? Number(new DataView(bytes.buffer).getBigUint64(12)) : -code;
  };
  assert.equal(await send(7, 24, 6), 24, "a retry of the last batch");
  assert.equal(await send(9, 0, 20), 0, "of one that is deleted");
  assert.equal(await counter(broker.port, "duplicate_batches_total"), 2);
  assert.equal(await send(7, 31, 1), -ErrorCodes.out_of_order_sequence);
  assert.equal(await send(7, 30, 1), 30, "what follows on the last batch");
  connection.close();
}

test(`an adopted compacted topic is whole after kills, ${PAIR}`, async () => {
  const made = directory();
  assert.equal((await sluice("adopt", made.root)).code, 0);
  const added: string[] = [];
  for (const round of [1, 2, 3]) {
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data: made.root });
    assert.deepEqual(await values(broker, "keys"), [...KEPT, ...added], `start ${round}`);
    assert.doesNotMatch(broker.stderr(), /dropped|damaged/);
    const connection = await RawConnection.open(broker.port);
    const { handle } = await connection.ask("open_partition", { topic: "keys", partition: 0 });
    const batch = batchOf([new TextEncoder().encode(`added ${round}`)]);
    const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
    assert.equal((await connection.ask("produce", sent)).baseOffset, 61 + round);
    added.push(`added ${round}`);
    connection.close();
    await broker.kill();
  }
  const verified = await sluice("verify", made.root);
  assert.deepEqual([verified.code, verified.out], [0, ""]);
});
