/**
 * What a shard's loop waits for while everything happens that may block: a minute of rolls, of
 * large and small segments that retention removes, of checkpoints, and of a thousand partitions.
 *
 * The figures are printed; what is judged is that all of it happened, and, by strace and not by a
 * clock, that the loop makes no call that waits for a disk.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { PartitionProducer } from "../../src/client/partition_producer.ts";
import { STEPS } from "../../src/server/loop_lag.ts";
import { startBroker } from "../support/broker.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { proveLoop } from "../support/loop_calls.ts";
import { testOrSkip } from "../support/skip.ts";
import { straceMissing } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const FOR_MS = 60_000;
const PARTITIONS = 1000;
const LARGE_BYTES = 268435456;

interface Work {
  readonly topic: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  readonly valueBytes: number;
}

const WORKS: readonly Work[] = [
  {
    topic: "large",
    partitions: 1,
    config: {
      durability: "os",
      "segment.bytes": String(LARGE_BYTES),
      "retention.bytes": String(LARGE_BYTES),
    },
    valueBytes: 1000000,
  },
  {
    topic: "rolls",
    partitions: 4,
    config: { "segment.bytes": "65536", "retention.bytes": "1048576" },
    valueBytes: 16384,
  },
  { topic: "many", partitions: PARTITIONS, config: {}, valueBytes: 1000 },
];

testOrSkip("the loop waits for no disk, seen by strace", straceMissing(), async () => {
  await proveLoop({ rounds: 400, topics: 4, partitions: PARTITIONS, largeBytes: LARGE_BYTES });
});

test("a minute in which everything happens that may block", async () => {
  const data = temporaryDirectory("lag");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const connection = await connect(broker.port);
  const admin = new Admin(connection);
  for (const { topic, partitions, config } of WORKS) {
    const entries = Object.entries(config).map(([key, value]) => ({ key, value }));
    await admin.createTopic(topic, { partitions, config: entries });
  }
  const untilMs = performance.now() + FOR_MS;
  await Promise.all(WORKS.map((work) => produceUntil(broker.port, work, untilMs)));
  const counters = new Map((await admin.stats()).map(({ name, value }) => [name, value]));
  const of = (name: string) => counters.get(name) ?? -1;
  const happened = ["segment_rolls", "segments_deleted", "checkpoints"].map((name) => {
    assert.ok(of(`${name}_total`) > 10, `${of(`${name}_total`)} ${name}`);
    return `${of(`${name}_total`)} ${name}`;
  });
  const lags = ["p50", "p99", "p999", "max"].map((name) => {
    return `${name} ${of(`loop_lag_${name}_us`)} µs`;
  });
  const steps = STEPS.map((step) => `${step} ${of(`loop_${step}_max_us`)} µs`);
  figure(
    `loop lag of ${of("turns_total")} turns in ${FOR_MS / 1000} s: ${lags.join(", ")}; ` +
      `${of("loop_slow_turns_total")} above 10 ms; longest steps: ${steps.join(", ")}; ` +
      `${happened.join(", ")}, ${PARTITIONS} partitions, segments of 64 KiB and 256 MiB`,
  );
  connection.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

/** One batch of each partition after the other. */
async function produceUntil(port: number, work: Work, untilMs: number): Promise<void> {
  const connection = await connect(port);
  const producers: PartitionProducer[] = [];
  for (let partition = 0; partition < work.partitions; partition += 1) {
    producers.push(await PartitionProducer.open(connection, work.topic, partition));
  }
  const value = new Uint8Array(work.valueBytes);
  while (performance.now() < untilMs) {
    for (const producer of producers) {
      await producer.append(value);
      await producer.sendBatch();
    }
  }
  for (const producer of producers) await producer.flush();
  connection.close();
}

function connect(port: number): Promise<Connection> {
  return Connection.connect({ host: "127.0.0.1", port });
}
