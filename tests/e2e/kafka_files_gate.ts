/**
 * What the real Kafka wrote, under our command line: verified, dumped, refused by `serve` with a
 * hint, adopted and served. kafka_files_ours_gate.ts is the other direction.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Codec, codecName } from "../../src/codec/codec.ts";
import { walkBatches } from "../support/batches.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import {
  dumpWithoutComplaint,
  filesOf,
  payloadsIn,
  RUNTIME,
  sameBatches,
  sluice,
} from "../support/kafka_files.ts";
import { kafka, kafkaMissing, KafkaNode } from "../support/kafka_peer.ts";
import { counter } from "../support/proof/counters.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { until } from "../support/until.ts";

const MISSING = kafkaMissing();
const CODECS = Object.values(Codec);
const RECORDS = 2500;
const KEYED_RECORDS = 4000;
const KEYS = 50;

/**
 * Topics `many` (two partitions, rolls, all codecs, idempotent producers), `small` (keys), and
 * `keys`, compacted but for its last segment.
 */
async function writtenByKafka(): Promise<string> {
  const node = await KafkaNode.start(["log.cleaner.backoff.ms=200"]);
  try {
    node.tool("topics", [
      ...["--create", "--topic", "many", "--partitions", "2"],
      ...["--config", "segment.bytes=1048576"],
    ]);
    for (const codec of CODECS) {
      const properties = [
        `bootstrap.servers=${node.address}`,
        `compression.type=${codecName(codec)}`,
      ];
      kafka([
        ...["tool", "producer-perf-test", "--topic", "many", "--num-records", String(RECORDS)],
        ...["--record-size", "1000", "--throughput", "-1", "--producer-props", ...properties],
        "enable.idempotence=true",
      ]);
      node.tool("console-producer", [
        ...["--topic", "small", "--compression-codec", codecName(codec)],
        ...["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"],
      ], `key-${codecName(codec)}:value of ${codecName(codec)}\n`);
    }
    await compactedTopic(node);
    const beside = await sluice(["verify", node.data]);
    assert.equal(beside.code, 0, beside.out + beside.stderr);
    assert.match(beside.out, /a broker works here/);
    const refused = await sluice(["adopt", node.data]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is in use: Kafka works in it/);
  } finally {
    node.stop();
  }
  return node.data;
}

/** Every third record has a key of its own and stays, so that batches lose records inside. */
async function compactedTopic(node: KafkaNode): Promise<void> {
  node.tool("topics", [
    ...["--create", "--topic", "keys", "--config", "cleanup.policy=compact"],
    ...["--config", "segment.bytes=1048576", "--config", "min.cleanable.dirty.ratio=0.01"],
  ]);
  const lines = Array.from({ length: KEYED_RECORDS }, (_, at) => {
    const key = at % 3 === 0 ? `once-${at}` : `key-${at % KEYS}`;
    return `${key}:${at} ${"v".repeat(1500)}\n`;
  });
  node.tool("console-producer", [
    ...["--topic", "keys", "--compression-codec", "none"],
    ...["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"],
  ], lines.join(""));
  await until("the cleaner is at the last segment", () => {
    const last = filesOf(join(node.data, "keys-0"), "log").at(-1)!;
    const base = Number(/(\d{20})\.log$/.exec(last)![1]);
    const text = readFileSync(join(node.data, "cleaner-offset-checkpoint"), "utf8");
    return base > 0 && new RegExp(`^keys 0 ${base}$`, "m").test(text);
  });
}

testOrSkip(
  "a directory that Kafka wrote is verified, dumped, adopted and served",
  MISSING,
  async () => {
    const data = await writtenByKafka();
    const verified = await sluice(["verify", data]);
    assert.equal(verified.out, "", "no finding");
    assert.equal(verified.code, 0);
    const totals = /, (\d+) records,/.exec(verified.stderr)?.[1];
    assert.ok(Number(totals) >= CODECS.length * (RECORDS + 1), verified.stderr);
    let segments = 0;
    for (const partition of ["many-0", "many-1", "small-0", "keys-0"]) {
      segments += filesOf(join(data, partition), "log").length;
      await sameBatches(join(data, partition));
    }
    assert.ok(segments > 10, `${segments} segments`);
    const records = await sluice(["dump", "--records", join(data, "small-0")]);
    for (const codec of CODECS) {
      const name = codecName(codec);
      assert.ok(records.out.includes(`key="key-${name}" value="value of ${name}"`), records.out);
    }
    const kept = payloadsIn(dumpWithoutComplaint(join(data, "keys-0")));
    assert.ok(kept.length < KEYED_RECORDS * 0.7, `${kept.length} records are left`);
    assert.ok(kept.length > KEYED_RECORDS / 3, `${kept.length} records are left`);
    await adopted(data);
    await served(data, kept);
    await dumpedByKafka(data);
  },
);

async function adopted(data: string): Promise<void> {
  const hinted = await sluice(["serve", "--no-http", "--data", data, "--native", "127.0.0.1:0"]);
  assert.equal(hinted.code, 1);
  assert.match(hinted.stderr, /sluice adopt /);
  const adoption = await sluice(["adopt", data]);
  assert.equal(adoption.code, 0, adoption.stderr);
  assert.match(adoption.out, /topic many: 2 partitions/);
  assert.match(adoption.out, /topic keys was compacted: it gets cleanup\.policy=compact/);
}

/** Everything is there, after a kill too; producers that Kafka knew are known. */
async function served(data: string, kept: readonly string[]): Promise<void> {
  const broker = await startBroker({ runtime: RUNTIME, data });
  const address = ["--broker", `127.0.0.1:${broker.port}`];
  const topics = await sluice(["topic", "list", ...address]);
  assert.match(topics.out, /^many\t2\t/m);
  const produced = await sluice(["produce", "small", ...address], "from sluice\n");
  assert.equal(produced.code, 0, produced.stderr);
  const consumed = await sluice(["consume", "small", "--from", String(CODECS.length), ...address]);
  assert.equal(consumed.out, "from sluice\n", "it follows on what Kafka wrote");
  await retried(data, broker);
  const added = await consumedKeys(broker, kept, []);
  await broker.kill();
  const second = await startBroker({ runtime: RUNTIME, data });
  assert.doesNotMatch(second.stderr(), /dropped|damaged/);
  const more = await consumedKeys(second, kept, added);
  await second.kill();
  const third = await startBroker({ runtime: RUNTIME, data });
  await consumedKeys(third, kept, more);
  assert.equal((await third.stop()).code, 0);
}

/** The records of `keys`, and one more behind them. Returns what was added. */
async function consumedKeys(
  broker: Broker,
  kept: readonly string[],
  added: readonly string[],
): Promise<string[]> {
  const address = ["--broker", `127.0.0.1:${broker.port}`];
  const consumed = await sluice(["consume", "keys", ...address]);
  assert.equal(consumed.code, 0, consumed.stderr);
  assert.deepEqual(consumed.out.trimEnd().split("\n"), [...kept, ...added]);
  const line = `added ${added.length}`;
  assert.equal((await sluice(["produce", "keys", ...address], `${line}\n`)).code, 0);
  return [...added, line];
}

/** The last batch of an idempotent producer once more: Kafka's snapshot knows it. */
async function retried(data: string, broker: Broker): Promise<void> {
  const connection = await RawConnection.open(broker.port);
  let asked = 0;
  for (const partition of [0, 1]) {
    const last = filesOf(join(data, `many-${partition}`), "log").at(-1)!;
    const batch = walkBatches(new Uint8Array(readFileSync(last))).at(-1);
    if (batch === undefined) continue; // the last segment is empty
    assert.ok(new DataView(batch.bytes.buffer).getBigInt64(43) >= 0n, "it is idempotent");
    const again = batch.bytes.slice();
    again.fill(0, 0, 8); // the base offset, which a producer leaves to the broker
    const { handle } = await connection.ask("open_partition", { topic: "many", partition });
    const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch: again };
    assert.equal((await connection.ask("produce", sent)).baseOffset, batch.baseOffset);
    asked += 1;
  }
  connection.close();
  assert.ok(asked > 0);
  assert.equal(await counter(broker.port, "duplicate_batches_total"), asked);
}

/** What we wrote behind Kafka's, in an epoch of ours, is read by Kafka; and verifies. */
async function dumpedByKafka(data: string): Promise<void> {
  const dump = dumpWithoutComplaint(join(data, "small-0"));
  assert.match(dump, /baseOffset: 5 .* partitionLeaderEpoch: 1 /, "in an epoch of ours");
  dumpWithoutComplaint(join(data, "keys-0"));
  const after = await sluice(["verify", data]);
  assert.match(after.out, /^note +__cluster_metadata-0: .*\n$/, "one note and no finding");
  assert.equal(after.code, 0);
  assert.ok(readdirSync(join(data, "many-0")).includes("leader-epoch-checkpoint"));
}

test("there is something to run here, or a reason", () => {
  assert.ok(MISSING === null || MISSING.length > 0);
});
