/**
 * One request and one reply per operation, with fixed values: what the golden files hold in
 * bytes. `tests/unit/native/golden_test.ts` compares, `scripts/generate_protocol.ts` shows some
 * of them.
 *
 * Invariant: a value never changes once its file is there; the files prove that the wire does
 * not.
 */

import { heapBlock } from "../../src/base/bytes.ts";
import { BatchAt, stampBatch } from "../../src/format/batch.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { BatchBuilder } from "../../src/client/batch_builder.ts";
import { CONTROL_OPERATIONS } from "../../src/native/control_operations.ts";
import { type OperationName, type OperationOf, OPERATIONS } from "../../src/native/operations.ts";
import type { Operation, Table, ValueOf } from "../../src/native/table.ts";
import { CONTROL_VALUES, LARGE_OFFSET, type SampleValues, TOPIC_ID } from "./control_samples.ts";

/** 2023-11-14T22:13:20Z */
const TIMESTAMP_MS = 1700000000000;

export interface Sample {
  readonly row: Operation;
  readonly correlation: number;
  readonly request: ValueOf<Table>;
  readonly reply: ValueOf<Table>;
  readonly push: ValueOf<Table> | null;
}

/** A batch of two records, "hello" and "world!", as a producer sends it. */
export function producedBatch(): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1024);
  builder.appendBytes(new TextEncoder().encode("hello"));
  builder.appendBytes(new TextEncoder().encode("world!"));
  builder.finish(TIMESTAMP_MS);
  return builder.block.bytes.slice(0, builder.end) as Uint8Array<ArrayBuffer>;
}

/** The same batch as it lies on disk and goes out: stamped with offset and epoch. */
export function storedBatch(): Uint8Array<ArrayBuffer> {
  const bytes = producedBatch();
  const block = heapBlock(bytes.length);
  block.bytes.set(bytes);
  stampBatch(block.view, 0, LARGE_OFFSET, 3);
  const from = BatchAt.attributes;
  const computed = crc32c(block.bytes, block.words, from, bytes.length - from);
  if (computed !== block.view.getUint32(BatchAt.crc)) throw new Error("a stamp is outside the CRC");
  return block.bytes.slice() as Uint8Array<ArrayBuffer>;
}

/** In the order in which they came to be: the place gives the correlation. */
const VALUES: { [N in OperationName]: SampleValues<OperationOf<N>> } = {
  hello: {
    request: { protocol: 1, clientName: "example", token: "" },
    reply: {
      protocol: 1,
      nodeId: 0,
      nodeEpoch: 3,
      frameSizeMax: 104857600,
      brokerVersion: "sluice/0.1.0",
    },
  },
  ping: { request: {}, reply: {} },
  "create_topic": {
    request: {
      name: "orders",
      partitions: 2,
      config: [{ key: "durability", value: "os" }, { key: "segment.bytes", value: "1048576" }],
    },
    reply: { topicId: TOPIC_ID },
  },
  metadata: {
    request: { topics: [{ name: "orders" }, { name: "absent" }] },
    reply: {
      nodes: [{ nodeId: 0, host: "127.0.0.1", port: 7400 }],
      topics: [
        {
          error: 20,
          name: "absent",
          topicId: "00000000-0000-0000-0000-000000000000",
          partitions: [],
          config: [],
        },
        {
          error: 0,
          name: "orders",
          topicId: TOPIC_ID,
          partitions: [{ leader: 0 }, { leader: 0 }],
          config: [{ key: "durability", value: "os" }],
        },
      ],
    },
  },
  "open_partition": {
    request: { topic: "orders", partition: 1 },
    reply: {
      handle: 7,
      leaderEpoch: 3,
      logStart: 0,
      visibleEnd: LARGE_OFFSET,
      maxMessageBytes: 1048588,
      durability: 3,
    },
  },
  produce: {
    request: { handle: 7, acks: 255, reserved: 0, reserved2: 0, batch: producedBatch() },
    reply: { baseOffset: LARGE_OFFSET, level: 3, reserved: 0, reserved2: 0, leaderEpoch: 3 },
  },
  fetch: {
    request: {
      handle: 7,
      maxBytes: 1048576,
      minBytes: 1,
      maxWaitMs: 500,
      offset: LARGE_OFFSET + 1,
    },
    reply: { logStart: 0, visibleEnd: LARGE_OFFSET + 2, batches: storedBatch() },
  },
  offsets: {
    request: { handle: 7 },
    reply: {
      logStart: 5,
      visibleEnd: LARGE_OFFSET,
      durableEnd: LARGE_OFFSET,
      logEnd: LARGE_OFFSET + 2,
    },
  },
  stats: {
    request: {},
    reply: {
      counters: [
        { name: "connections_total", value: 12 },
        { name: "produced_bytes_total", value: 9007199254740991 },
      ],
    },
  },
  "delete_topic": { request: { name: "orders" }, reply: {} },
  "offset_for_time": {
    request: { handle: 7, timestamp: TIMESTAMP_MS },
    reply: { offset: LARGE_OFFSET, timestamp: TIMESTAMP_MS + 1 },
  },
  "delete_records": {
    request: { handle: 7, offset: -1 },
    reply: { logStart: LARGE_OFFSET },
  },
  subscribe: {
    request: { handle: 7, maxBytes: 262144, credit: 1048576, offset: LARGE_OFFSET + 1 },
    reply: { logStart: 0, visibleEnd: LARGE_OFFSET },
    push: { logStart: 0, visibleEnd: LARGE_OFFSET + 2, batches: storedBatch() },
  },
  "add_credit": { request: { subscription: 13, bytes: 86 }, reply: {} },
  unsubscribe: { request: { subscription: 13 }, reply: {} },
  "alter_topic": {
    request: {
      name: "orders",
      set: [{ key: "retention.ms", value: "86400000" }, { key: "durability", value: "fsync" }],
      unset: [{ key: "segment.bytes" }],
    },
    reply: {},
  },
  "add_partitions": { request: { name: "orders", partitions: 4 }, reply: {} },
  "describe_topic": {
    request: { topics: [{ name: "orders" }] },
    reply: {
      topics: [{
        error: 0,
        name: "orders",
        topicId: TOPIC_ID,
        cacheHitBytes: LARGE_OFFSET,
        cacheMissBytes: 4096,
        partitions: [
          {
            state: 0,
            logStart: 5,
            visibleEnd: LARGE_OFFSET,
            durableEnd: LARGE_OFFSET,
            logEnd: LARGE_OFFSET + 2,
            sizeBytes: 1073741824,
            segments: 3,
          },
          {
            state: 1,
            logStart: 0,
            visibleEnd: 0,
            durableEnd: 0,
            logEnd: 0,
            sizeBytes: 0,
            segments: 1,
          },
        ],
      }],
    },
  },
  "init_producer": {
    request: { transactionalId: "" },
    reply: { producerId: LARGE_OFFSET, producerEpoch: 0 },
  },
  "commit_offsets": {
    request: {
      group: "billing",
      memberId: "",
      generation: -1,
      offsets: [
        { topic: "orders", partition: 1, offset: LARGE_OFFSET, leaderEpoch: 3, metadata: "" },
        { topic: "absent", partition: 0, offset: 0, leaderEpoch: -1, metadata: "noted" },
      ],
    },
    reply: { results: [{ error: 0 }, { error: 20 }] },
  },
  "fetch_offsets": {
    request: {
      group: "billing",
      partitions: [{ topic: "orders", partition: 1 }, { topic: "orders", partition: 0 }],
    },
    reply: {
      offsets: [
        {
          error: 0,
          topic: "orders",
          partition: 1,
          offset: LARGE_OFFSET,
          leaderEpoch: 3,
          metadata: "noted",
          commitTimestamp: TIMESTAMP_MS,
        },
        {
          error: 0,
          topic: "orders",
          partition: 0,
          offset: -1,
          leaderEpoch: -1,
          metadata: "",
          commitTimestamp: -1,
        },
      ],
    },
  },
  "list_groups": {
    request: { prefix: "bill" },
    reply: { groups: [{ group: "billing", state: "empty", offsets: 1 }] },
  },
  "delete_group": {
    request: { group: "billing", partitions: [{ topic: "orders", partition: 1 }] },
    reply: {},
  },
  "describe_config": {
    request: {},
    reply: {
      entries: [
        {
          key: "connections.max",
          value: "16384",
          source: 0,
          changeable: 1,
          text: "Clients at the same time.",
        },
        { key: "dataDirectory", value: "/data", source: 3, changeable: 0, text: "The log." },
      ],
    },
  },
  "alter_config": {
    request: {
      set: [{ key: "num.partitions", value: "3" }],
      unset: [{ key: "log.retention.ms" }],
    },
    reply: {},
  },
  connections: {
    request: {},
    reply: {
      connections: [{
        id: 12,
        listener: "native",
        peer: "127.0.0.1:50123",
        clientName: "example",
        sinceMs: TIMESTAMP_MS,
        lastRequestMs: TIMESTAMP_MS + 1,
        requests: 3,
        bytesIn: 4096,
        bytesOut: LARGE_OFFSET,
      }],
    },
  },
  "close_connection": { request: { id: 12 }, reply: {} },
  "offset_times": {
    request: {
      places: [
        { topic: "orders", partition: 1, offset: LARGE_OFFSET },
        { topic: "none", partition: 0, offset: 0 },
      ],
    },
    reply: {
      times: [{ error: 0, timestamp: TIMESTAMP_MS }, { error: 20, timestamp: -1 }],
    },
  },
  histograms: {
    request: {},
    reply: {
      histograms: [
        {
          name: "request_us",
          listener: "native",
          operation: "produce",
          count: 3,
          sum: LARGE_OFFSET,
          max: 1100,
          buckets: [{ upTo: 15, count: 1 }, { upTo: 1151, count: 2 }],
        },
        { name: "turn_us", listener: "", operation: "", count: 0, sum: 0, max: 0, buckets: [] },
      ],
    },
  },
  "topic_counters": {
    request: { named: [{ topicId: TOPIC_ID }], newerThan: LARGE_OFFSET, limit: 200 },
    reply: {
      recordsIn: 3,
      bytesIn: LARGE_OFFSET + 1,
      recordsOut: 6,
      bytesOut: LARGE_OFFSET + 2,
      cacheHitBytes: LARGE_OFFSET,
      cacheMissBytes: 4096,
      newest: LARGE_OFFSET + 3,
      topics: [{
        name: "orders",
        topicId: TOPIC_ID,
        recordsIn: 2,
        bytesIn: LARGE_OFFSET,
        recordsOut: 5,
        bytesOut: LARGE_OFFSET,
        cacheHitBytes: LARGE_OFFSET - 1,
        cacheMissBytes: 1,
      }],
    },
  },
  "list_topics": {
    request: { after: "events", limit: 256 },
    reply: { topics: [{ name: "orders", topicId: TOPIC_ID, partitions: 1024 }] },
  },
  health: {
    request: {},
    reply: {
      partitions: 1024,
      degraded: 1,
      failed: 2,
      diskState: 1,
      diskFreeBytes: 4096,
      diskTotalBytes: LARGE_OFFSET,
    },
  },
  "group_lags": {
    request: { groups: [{ group: "billing" }, { group: "none" }] },
    reply: {
      groups: [
        {
          error: 0,
          topics: [
            { topic: "audit", lagRecords: 7, lagMs: -1 },
            { topic: "orders", lagRecords: LARGE_OFFSET, lagMs: 1500 },
          ],
        },
        { error: 80, topics: [] },
      ],
    },
  },
  "pace_subscription": { request: { subscription: 13, intervalMs: 10 }, reply: {} },
};

/** Of every operation, public ones first. Throws when one has no values. */
export const SAMPLES: readonly Sample[] = [
  ...OPERATIONS.map((row) => {
    return sample(row, Object.keys(VALUES).indexOf(row.name) + 1, VALUES[row.name]);
  }),
  ...CONTROL_OPERATIONS.map((row, index) => sample(row, index + 101, CONTROL_VALUES[row.name])),
];

function sample(
  row: Operation,
  correlation: number,
  values: { request: unknown; reply: unknown; push?: unknown },
): Sample {
  return {
    row,
    correlation,
    request: values.request as ValueOf<Table>,
    reply: values.reply as ValueOf<Table>,
    push: (values.push ?? null) as ValueOf<Table> | null,
  };
}
