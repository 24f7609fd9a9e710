/**
 * One right frame of every operation that is answered, to be cut, split and bent. Handle 0 is a
 * partition that produce appends to; handle 1 is one with a record, which nobody changes.
 */
import { batchOf } from "./batches.ts";
import * as frames from "./frames.ts";
import { RawConnection, type Reply } from "./raw_connection.ts";

export const TOPIC = "corpus";
export const WRITTEN_HANDLE = 0;
export const FIXED_HANDLE = 1;
/** Above every handle that a test opens, however often it sends the corpus. */
const ABSENT = 1000000;
const PLACE = { topic: TOPIC, partition: 0, offset: 0 };

export interface Sample {
  name: string;
  bytes: Uint8Array;
  correlation: number;
  /** Whether its body may end anywhere without being wrong. */
  emptyBody: boolean;
}

/** Makes the topic that the frames speak of. */
export async function prepareCorpus(port: number): Promise<void> {
  const connection = await RawConnection.open(port);
  await connection.ask("create_topic", { name: TOPIC, partitions: 2, config: [] });
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 1 });
  await connection.send(frames.produce(handle, batchOf([text("never changed")])));
  await connection.reply();
  connection.close();
}

/** A connection on which the frames of the corpus make sense. */
export async function openForCorpus(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  await connection.ask("open_partition", { topic: TOPIC, partition: 1 });
  return connection;
}

type Build = (correlation: number) => Uint8Array;

const OF_OPERATORS: readonly (readonly [string, Build])[] = [
  ["offset_times", (c) => frames.request("offset_times", { places: [PLACE] }, c)],
  ["describe_config", (c) => frames.request("describe_config", {}, c)],
  ["alter_config", (c) => {
    const set = [{ key: "num.partitions", value: "1" }];
    return frames.request("alter_config", { set, unset: [] }, c);
  }],
  ["connections", (c) => frames.request("connections", {}, c)],
  ["close_connection", (c) => frames.request("close_connection", { id: 0 }, c)],
  ["stats", (c) => frames.request("stats", {}, c)],
  ["health", (c) => frames.request("health", {}, c)],
  ["histograms", (c) => frames.request("histograms", {}, c)],
  ["topic_counters", (c) => {
    return frames.request("topic_counters", { named: [], newerThan: 0, limit: 10 }, c);
  }],
  ["list_topics", (c) => frames.request("list_topics", { after: "a", limit: 10 }, c)],
];

export function corpus(): Sample[] {
  const config = [{ key: "durability", value: "os" }];
  const samples: (readonly [string, Build])[] = [
    ["hello", (c) => frames.request("hello", { protocol: 1, clientName: "c", token: "" }, c)],
    ["ping", (c) => frames.request("ping", {}, c)],
    ["create_topic", (c) => {
      return frames.request("create_topic", { name: TOPIC, partitions: 2, config }, c);
    }],
    ["metadata", (c) => frames.request("metadata", { topics: [{ name: TOPIC }] }, c)],
    ["open_partition", (c) => {
      return frames.request("open_partition", { topic: TOPIC, partition: 1 }, c);
    }],
    ["produce", (c) => frames.produce(WRITTEN_HANDLE, batchOf([text("a"), text("bc")]), c)],
    ["fetch", (c) => frames.fetch(FIXED_HANDLE, 0, {}, c)],
    ["offsets", (c) => frames.request("offsets", { handle: FIXED_HANDLE }, c)],
    ["offset_for_time", (c) => {
      return frames.request("offset_for_time", { handle: FIXED_HANDLE, timestamp: 0 }, c);
    }],
    ["delete_records", (c) => {
      return frames.request("delete_records", { handle: FIXED_HANDLE, offset: 0 }, c);
    }],
    ["delete_topic", (c) => frames.request("delete_topic", { name: "absent" }, c)],
    // Answered alike however often they come: of a handle and a subscription that are not there.
    ["subscribe", (c) => frames.subscribe(ABSENT, 0, {}, c)],
    ["unsubscribe", (c) => frames.unsubscribe(ABSENT, c)],
    ["pace_subscription", (c) => frames.pace(ABSENT, 10, c)],
    // They change nothing: what is set is set, and there are as many partitions as asked for.
    ["alter_topic", (c) => {
      const set = [{ key: "flush.ms", value: "100" }];
      return frames.request("alter_topic", { name: TOPIC, set, unset: [] }, c);
    }],
    ["add_partitions", (c) => frames.request("add_partitions", { name: TOPIC, partitions: 2 }, c)],
    ["describe_topic", (c) => {
      return frames.request("describe_topic", { topics: [{ name: "absent" }] }, c);
    }],
    // The same answer whenever it comes: refused, or of a group that is not there.
    ["init_producer", (c) => frames.request("init_producer", { transactionalId: "t" }, c)],
    ["commit_offsets", (c) => {
      const offsets = [{ topic: TOPIC, partition: 0, offset: 1, leaderEpoch: -1, metadata: "" }];
      return frames.request(
        "commit_offsets",
        { group: "g", memberId: "m", generation: 1, offsets },
        c,
      );
    }],
    ["fetch_offsets", (c) => {
      const partitions = [{ topic: TOPIC, partition: 0 }];
      return frames.request("fetch_offsets", { group: "absent", partitions }, c);
    }],
    ["list_groups", (c) => frames.request("list_groups", { prefix: "absent" }, c)],
    ["group_lags", (c) => frames.request("group_lags", { groups: [{ group: "absent" }] }, c)],
    ["delete_group", (c) => {
      return frames.request("delete_group", { group: "absent", partitions: [] }, c);
    }],
    ...OF_OPERATORS,
  ];
  return samples.map(([name, build], index) => {
    const correlation = 100 + index;
    const bytes = build(correlation);
    return { name, bytes, correlation, emptyBody: bytes.length === frames.FRAME_HEADER };
  });
}

/** Their bodies differ from one time to the next. */
const CHANGING: ReadonlySet<string> = new Set([
  "stats",
  "health",
  "topic_counters",
  "connections",
  "describe_config",
]);

/** A reply without what differs from one time to the next. */
export function comparable(name: string, reply: Reply): unknown {
  const bytes = reply.bytes.slice();
  if (name === "produce") bytes.fill(0, frames.FRAME_HEADER, frames.FRAME_HEADER + 8);
  if (name === "open_partition") bytes.fill(0, frames.FRAME_HEADER, frames.FRAME_HEADER + 4);
  if (name === "histograms") return { code: reply.code }; // it grows with what was asked
  if (CHANGING.has(name)) {
    bytes.fill(0, frames.FRAME_HEADER);
  }
  return { code: reply.code, bytes };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
