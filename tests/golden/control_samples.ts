/** Of samples.ts: the values of control operations, and what both files need. */

import type { ControlName, ControlOf } from "../../src/native/control_operations.ts";
import type { Operation, Table, ValueOf } from "../../src/native/table.ts";

export const TOPIC_ID = "6b9e5f0a-1c2d-4e3f-8a4b-5c6d7e8f9a0b";
/** Above 32 bits, so that both words of a u64 are seen. */
export const LARGE_OFFSET = 4294967298;

export type SampleValues<O extends Operation> = {
  request: ValueOf<O["request"]>;
  reply: ValueOf<O["reply"]>;
} & (O extends { push: infer P extends Table } ? { push: ValueOf<P> } : object);

export const CONTROL_VALUES: { [N in ControlName]: SampleValues<ControlOf<N>> } = {
  "add_topic": {
    request: {
      name: "orders",
      topicId: TOPIC_ID,
      partitions: 2,
      config: [{ key: "durability", value: "os" }],
      points: [{ recoveryPoint: LARGE_OFFSET, logStart: 5 }, { recoveryPoint: -1, logStart: -1 }],
    },
    reply: {},
  },
  answer: {
    request: { token: 9, error: 21, message: "orders", topicId: TOPIC_ID },
    reply: {},
  },
  stop: { request: {}, reply: {} },
  "remove_topic": { request: { name: "orders", topicId: TOPIC_ID }, reply: {} },
  "log_start": {
    request: { topic: "orders", topicId: TOPIC_ID, partition: 1, offset: LARGE_OFFSET },
    reply: {},
  },
  "change_topic": {
    request: {
      name: "orders",
      topicId: TOPIC_ID,
      config: [{ key: "retention.ms", value: "86400000" }],
    },
    reply: {},
  },
  "producer_ids": {
    request: { error: 0, message: "", first: 4294967000, count: 1000 },
    reply: {},
  },
  "apply_config": {
    request: {
      entries: [{ key: "num.partitions", value: "3", source: 4, changeable: 1, text: "Many." }],
    },
    reply: {},
  },
};
