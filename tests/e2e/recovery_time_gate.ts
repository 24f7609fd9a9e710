/**
 * How long a start takes with a hundred partitions of ten segments and more, after a clean stop and
 * after kills. The time is told, not judged; what is scanned has a bound, of each partition.
 *
 *     99 partitions x 10 segments of 256 KiB     1 partition x 10 segments of 16 MiB
 *
 * The large one is what the bound is about: scanned as a whole it would be above it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { operation } from "../../src/native/operations.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { figure, mebibytes } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { counter } from "../support/proof/counters.ts";
import { segments } from "../support/proof/file_reader.ts";
import { encodeBatch } from "../support/proof/records.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Shape {
  topic: string;
  partitions: number;
  segmentBytes: number;
  batchBytes: number;
}

const MIB = 1048576;
const SEGMENTS = 10;
const SCANNED_MAX = 64 * MIB;
const SMALL: Shape = { topic: "small", partitions: 99, segmentBytes: 262144, batchBytes: 65000 };
const LARGE: Shape = { topic: "large", partitions: 1, segmentBytes: 16 * MIB, batchBytes: 1000000 };
const IN_FLIGHT = 8;
const ACKS_ALL = 255;

const data = join(temporaryDirectory("time"), "d");

test("a start after a clean stop scans nothing", async () => {
  const first = await startBroker({ runtime: BROKER_RUNTIME, data });
  for (const shape of [SMALL, LARGE]) await fill(first, shape);
  assert.deepEqual(await first.stop(), { code: 0, signal: null }, first.stderr());
  for (const { topic, partitions } of [SMALL, LARGE]) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const count = segments(join(data, `${topic}-${partition}`)).length;
      assert.ok(count >= SEGMENTS, `${topic}-${partition} has ${count} segments`);
    }
  }
  const { broker, total } = await timedStart("after a clean stop");
  assert.equal(total, 0);
  await broker.kill();
});

test("a start after a kill scans at most 64 MiB of a partition", async () => {
  // Killed by the test before this one, as it did nothing.
  const idle = await timedStart("killed while idle");
  assert.ok(idle.max <= SCANNED_MAX, `${idle.max} bytes of one partition`);
  // All ten segments again, and a kill right behind them.
  for (const shape of [SMALL, LARGE]) await append(idle.broker, shape);
  await idle.broker.kill();
  const loaded = await timedStart("killed behind a load");
  assert.ok(loaded.total > 0, "there was something to scan");
  assert.ok(loaded.max <= SCANNED_MAX, `${loaded.max} bytes of one partition`);
  assert.deepEqual(await loaded.broker.stop(), { code: 0, signal: null }, loaded.broker.stderr());
});

async function timedStart(
  what: string,
): Promise<{ broker: Broker; total: number; max: number }> {
  const startedMs = performance.now();
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, readyWithinMs: 120_000 });
  const ms = Math.round(performance.now() - startedMs);
  const total = await counter(broker.port, "recovery_scanned_bytes_total");
  const max = await counter(broker.port, "recovery_scanned_bytes_max");
  figure(
    `100 partitions x ${SEGMENTS} segments, ${what}: serving ${ms} ms after the spawn, ` +
      `${mebibytes(total)} scanned, ${mebibytes(max)} of one partition at most`,
  );
  return { broker, total, max };
}

async function fill(broker: Broker, shape: Shape): Promise<void> {
  const { topic, partitions, segmentBytes } = shape;
  const connection = await Connection.connect({ host: "127.0.0.1", port: broker.port });
  const config = [{ key: "segment.bytes", value: String(segmentBytes) }];
  await new Admin(connection).createTopic(topic, { partitions, config });
  connection.close();
  await append(broker, shape);
}

/** Ten segments to every partition, in batches that are the same but for their offsets. */
async function append(broker: Broker, shape: Shape): Promise<void> {
  const { topic, partitions, segmentBytes, batchBytes } = shape;
  const { bytes } = encodeBatch({
    ...{ producer: 0, place: 0, first: 0, timestamp: 1700000000000, producerId: -1 },
    records: [{ keyed: true, value: new Uint8Array(batchBytes).fill(7), timestampDelta: 0 }],
  });
  const perSegment = Math.floor(segmentBytes / bytes.length);
  const connection = await Connection.connect({ host: "127.0.0.1", port: broker.port });
  let left = perSegment * SEGMENTS * partitions;
  const handles: number[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const opened = await connection.request(operation("open_partition"), { topic, partition });
    handles.push(opened.handle);
  }
  const produce = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const handle = handles[left % partitions]!;
      const sent = { handle, acks: ACKS_ALL, reserved: 0, reserved2: 0, batch: bytes };
      await connection.request(operation("produce"), sent);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, produce));
  connection.close();
}
