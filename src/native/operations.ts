/**
 * The operations of the native protocol: code, version, request and reply. Codes are wire format
 * and leave gaps by family (session 1, topics 100, data 200, offsets 300, groups 400, control
 * 500).
 *
 *     request   u32 size | u16 operation | u8 version | u8 flags | u32 correlation | body
 *     reply     u32 size | u16 error     | u8 version | u8 flags | u32 correlation | body
 *     push      a reply with flag bit 7 and the correlation of its subscription
 *
 * Invariant: every operation has a handler, a golden file and a section in `docs/PROTOCOL.md`;
 * tests hold it.
 */

import { BROKER_OPERATIONS } from "./broker_operations.ts";
import { GROUP_OPERATIONS } from "./group_operations.ts";
import type { Operation, Table, ValueOf } from "./table.ts";
import { TOPIC_OPERATIONS } from "./topic_operations.ts";

export const PROTOCOL_VERSION = 1;

/** Those of sessions, data and offsets; the other families have files of their own. */
const ROWS = [
  {
    code: 1,
    name: "hello",
    version: 0,
    text: "Opens the session; the first frame of every connection.",
    request: [
      ["protocol", "u16", "Protocol version of the client: 1."],
      ["clientName", "string", "Who connects, for operators; at most 255 characters."],
      ["token", "string", "Credential; empty where none is configured."],
    ],
    reply: [
      ["protocol", "u16", "Protocol version of the broker."],
      ["nodeId", "u32", "This node."],
      ["nodeEpoch", "u32", "Grows by one at a start after an unclean stop."],
      ["frameSizeMax", "u32", "Largest frame from now on, all bytes counted."],
      ["brokerVersion", "string", "Name and version of the program."],
    ],
  },
  {
    code: 2,
    name: "ping",
    version: 0,
    text: "Answers at once: the connection and the shard are alive.",
    request: [],
    reply: [],
  },
  {
    code: 200,
    name: "open_partition",
    version: 0,
    text: "Gives a handle for one partition, good until this connection ends.",
    request: [
      ["topic", "string", "Topic name."],
      ["partition", "u32", "From 0."],
    ],
    reply: [
      ["handle", "u32", "For produce, fetch and offsets on this connection."],
      ["leaderEpoch", "u32", "Epoch that new batches are stamped with."],
      ["logStart", "u64", "First offset."],
      ["visibleEnd", "u64", "One above the last offset that a consumer sees."],
      ["maxMessageBytes", "u32", "Largest batch."],
      ["durability", "u8", "Level of the topic: 1 os, 2 interval, 3 fsync."],
    ],
  },
  {
    code: 201,
    name: "produce",
    version: 0,
    text: "Appends one record batch of Kafka's format 2. With acks 0 there is no reply.",
    request: [
      ["handle", "u32", "From open_partition."],
      ["acks", "u8", "0: no reply; 1: after the write; 255: at the topic's level."],
      ["reserved", "u8", "Zero."],
      ["reserved2", "u16", "Zero."],
      ["batch", "rest", "One record batch with baseOffset 0."],
    ],
    reply: [
      ["baseOffset", "u64", "Offset of the batch's first record."],
      ["level", "u8", "Level reached: 1 os, 2 interval, 3 fsync."],
      ["reserved", "u8", "Zero."],
      ["reserved2", "u16", "Zero."],
      ["leaderEpoch", "u32", "Epoch that the batch was stamped with."],
    ],
  },
  {
    code: 202,
    name: "fetch",
    version: 0,
    text:
      "Reads batches from the one that holds an offset. It waits for minBytes, at most maxWaitMs.",
    request: [
      ["handle", "u32", "From open_partition."],
      ["maxBytes", "u32", "Bytes of batches wanted at most; one whole batch is sent all the same."],
      ["minBytes", "u32", "Bytes to wait for."],
      ["maxWaitMs", "u32", "Milliseconds to wait; 0 answers at once."],
      ["offset", "u64", "First offset wanted. Skip the records before it in the first batch."],
    ],
    reply: [
      ["logStart", "u64", "First offset of the partition."],
      ["visibleEnd", "u64", "One above the last visible offset."],
      ["batches", "rest", "Whole batches back to back, as they lie on disk; may be empty."],
    ],
  },
  {
    code: 203,
    name: "subscribe",
    version: 0,
    text: "Has batches pushed from the one that holds an offset on, as they become visible.",
    request: [
      ["handle", "u32", "From open_partition."],
      ["maxBytes", "u32", "Bytes of batches in one push at most; the broker stops at 1 MiB."],
      ["credit", "u32", "Bytes of batches that may be pushed before add_credit; may be 0."],
      ["offset", "u64", "First offset wanted. Skip the records before it in the first batch."],
    ],
    reply: [
      ["logStart", "u64", "First offset of the partition."],
      ["visibleEnd", "u64", "One above the last visible offset."],
    ],
    push: [
      ["logStart", "u64", "First offset of the partition."],
      ["visibleEnd", "u64", "One above the last visible offset."],
      ["batches", "rest", "Whole batches back to back, as they lie on disk; at least one."],
    ],
  },
  {
    code: 204,
    name: "add_credit",
    version: 0,
    text:
      "Adds to the credit of a subscription. Ignored where there is none: it may just have ended.",
    request: [
      ["subscription", "u32", "Correlation of the subscribe request."],
      ["bytes", "u32", "Bytes of batches that may be pushed in addition."],
    ],
    reply: [],
    isSilent: true,
  },
  {
    code: 205,
    name: "unsubscribe",
    version: 0,
    text: "Ends a subscription; answered after its last push.",
    request: [["subscription", "u32", "Correlation of the subscribe request."]],
    reply: [],
  },
  {
    code: 207,
    name: "pace_subscription",
    version: 0,
    text: "Lets a subscription rest behind each push that reached the visible end.",
    request: [
      ["subscription", "u32", "Correlation of the subscribe request."],
      [
        "intervalMs",
        "u32",
        "Milliseconds of rest; the broker stops at 1000. 0: none, as at first.",
      ],
    ],
    reply: [],
  },
  {
    code: 300,
    name: "offsets",
    version: 0,
    text: "The ends of a partition.",
    request: [["handle", "u32", "From open_partition."]],
    reply: [
      ["logStart", "u64", "First offset."],
      ["visibleEnd", "u64", "One above the last offset that a consumer sees."],
      ["durableEnd", "u64", "One above the last offset known to be on disk."],
      ["logEnd", "u64", "The offset of the next record."],
    ],
  },
  {
    code: 301,
    name: "offset_for_time",
    version: 0,
    text: "The first record whose timestamp is at or after a time.",
    request: [
      ["handle", "u32", "From open_partition."],
      ["timestamp", "i64", "Milliseconds since 1970."],
    ],
    reply: [
      ["offset", "u64", "Its offset; the visible end when there is none."],
      ["timestamp", "i64", "Its timestamp; -1 when there is none."],
    ],
  },
  {
    code: 302,
    name: "delete_records",
    version: 0,
    text: "Deletes the records below an offset; answered when that is durable.",
    request: [
      ["handle", "u32", "From open_partition."],
      ["offset", "i64", "First offset that stays; -1 (all bits set): the visible end."],
    ],
    reply: [["logStart", "u64", "First offset now."]],
  },
] as const;
ROWS satisfies readonly Operation[];

type Row =
  | typeof ROWS[number]
  | typeof TOPIC_OPERATIONS[number]
  | typeof BROKER_OPERATIONS[number]
  | typeof GROUP_OPERATIONS[number];

/** In the order of their codes. */
export const OPERATIONS: readonly Row[] = [
  ...ROWS,
  ...TOPIC_OPERATIONS,
  ...BROKER_OPERATIONS,
  ...GROUP_OPERATIONS,
].sort((a, b) => a.code - b.code);

export type OperationName = Row["name"];
export type OperationOf<N extends OperationName> = Extract<Row, { name: N }>;
export type RequestOf<N extends OperationName> = ValueOf<OperationOf<N>["request"]>;
export type PushOf<N extends OperationName> = OperationOf<N> extends { push: infer P extends Table }
  ? ValueOf<P>
  : never;
export type ReplyOf<N extends OperationName> = ValueOf<OperationOf<N>["reply"]>;

/** The row of an operation. */
export function operation<N extends OperationName>(name: N): OperationOf<N> {
  return OPERATIONS.find((row) => row.name === name) as OperationOf<N>;
}

/** What follows an error: in words what went wrong here. May be empty. */
export const ERROR_REPLY = [["message", "string", "What went wrong here."]] as const;
ERROR_REPLY satisfies Table;
