/**
 * Every error that a client can see, of all doors. Codes are wire format: a name may change, a
 * code may not, and a retired one stays in the table.
 *
 * The same rows give the codec, the client's typed errors, the text of the command line and the
 * table in `docs/PROTOCOL.md`.
 */

import { HTTP_ERRORS } from "./http_errors.ts";

/** code, name, whether a retry can help, what it means, what to do next. */
const ROWS = [
  [0, "none", false, "No error.", ""],
  [1, "internal", false, "The broker met a bug.", "Report it with the broker's log."],
  [
    2,
    "invalid_frame",
    false,
    "The frame is shorter than its header, or a reserved bit is set.",
    "Check the client: size counts the bytes after itself.",
  ],
  [
    3,
    "frame_too_large",
    false,
    "The frame is above the limit; the connection is closed.",
    "Send smaller frames: 8 KiB before hello, 100 MiB after it.",
  ],
  [
    4,
    "unknown_operation",
    false,
    "No operation has this code.",
    "Compare the versions of client and broker.",
  ],
  [
    5,
    "unsupported_version",
    false,
    "The operation exists, but not in this version.",
    "Compare the versions of client and broker.",
  ],
  [
    6,
    "invalid_request",
    false,
    "The body does not fit the operation's layout.",
    "Compare the request with docs/PROTOCOL.md.",
  ],
  [7, "hello_required", false, "The first frame must be hello.", "Send hello, then the request."],
  [
    8,
    "unsupported_protocol",
    false,
    "The broker does not speak this protocol version.",
    "Use a client of the broker's version.",
  ],
  [
    9,
    "unknown_handle",
    false,
    "This connection has not opened this partition handle.",
    "Call open_partition first; a handle ends with its connection.",
  ],
  [10, "not_permitted", false, "This listener does not allow the operation.", ""],
  [
    11,
    "too_many_handles",
    false,
    "The connection holds too many partition handles.",
    "Use the handles that are open, or a second connection.",
  ],
  [
    12,
    "unknown_subscription",
    false,
    "This connection has no subscription of this number, or it has ended.",
    "Its last push said why.",
  ],
  [
    13,
    "subscription_exists",
    false,
    "This connection has a subscription of this correlation.",
    "Choose another correlation, or unsubscribe first.",
  ],
  [
    14,
    "too_many_subscriptions",
    false,
    "The connection holds too many subscriptions.",
    "Unsubscribe some, or use a second connection.",
  ],
  [
    15,
    "connection_not_found",
    false,
    "There is no connection of this id, or it has ended.",
    "Ask for the connections again.",
  ],
  [
    20,
    "topic_not_found",
    false,
    "There is no topic of this name.",
    "Create it: sluice topic create NAME.",
  ],
  [21, "topic_exists", false, "A topic of this name exists.", "Choose another name, or use it."],
  [
    22,
    "invalid_topic_name",
    false,
    "A topic name is 1 to 249 of the characters a-z A-Z 0-9 . _ - and not . or .. .",
    "Choose another name.",
  ],
  [
    23,
    "invalid_partitions",
    false,
    "The number of partitions is out of range.",
    "Ask for 1 to 1024 partitions, and never for fewer than there are.",
  ],
  [
    24,
    "invalid_config",
    false,
    "A setting has an unknown name or a value out of range.",
    "Compare the settings with docs/PROTOCOL.md.",
  ],
  [
    25,
    "partition_not_found",
    false,
    "The topic has no such partition.",
    "Partitions count from 0: sluice topic list.",
  ],
  [
    26,
    "topic_is_internal",
    false,
    "The topic belongs to the broker: clients may read it and nothing else.",
    "Use the operations of groups.",
  ],
  [
    40,
    "offset_out_of_range",
    false,
    "The offset is below the log start or above the log end.",
    "Ask for the offsets of the partition and seek.",
  ],
  [
    41,
    "batch_corrupt",
    true,
    "The checksum of the batch does not fit its bytes.",
    "Send it again; when it recurs, check the client and the network.",
  ],
  [
    42,
    "batch_invalid",
    false,
    "The batch contradicts itself: sizes, counts, attributes or records.",
    "Check the client that encodes it.",
  ],
  [
    43,
    "batch_too_large",
    false,
    "The batch is above the topic's max.message.bytes.",
    "Send smaller batches, or create the topic with a larger max.message.bytes.",
  ],
  [
    44,
    "unsupported_magic",
    false,
    "The batch is not of record format 2.",
    "Use a client that writes Kafka record batches of magic 2.",
  ],
  [
    45,
    "out_of_order_sequence",
    false,
    "A batch of an idempotent producer is missing before this one.",
    "The producer must begin again with a new epoch.",
  ],
  [
    46,
    "duplicate_sequence",
    false,
    "The batch was stored before and is no longer among the last five of its producer.",
    "Nothing is lost: the producer may go on.",
  ],
  [
    47,
    "invalid_producer_epoch",
    false,
    "A newer instance of this producer has taken over.",
    "Stop this instance.",
  ],
  [
    48,
    "producer_ids_exhausted",
    false,
    "Every producer id was given out.",
    "Nothing helps; there were 9 * 10^15 of them.",
  ],
  [
    49,
    "transactions_unsupported",
    false,
    "This broker has no transactions.",
    "Leave the transactional id empty.",
  ],
  [
    60,
    "storage_failed",
    false,
    "The disk refused a write or a sync; nothing of it is acknowledged.",
    "Look at the broker's log and at the disk.",
  ],
  [
    61,
    "disk_full",
    true,
    "There is no room on the disk; reads go on.",
    "Free space or lower the retention, then send again.",
  ],
  [62, "shutting_down", true, "The broker is stopping.", "Connect again in a moment."],
  [
    63,
    "partition_degraded",
    false,
    "Stored batches of the partition are damaged; it serves what is whole and takes nothing new.",
    "Run sluice verify on the data directory, then sluice repair.",
  ],
  [
    64,
    "storage_busy",
    true,
    "The broker has no descriptor or memory left for another file; what was there still is.",
    "Send again; raise the limit of open files (ulimit -n) if it stays.",
  ],
  [
    65,
    "disk_read_only",
    true,
    "The disk can only be read; what is stored is served.",
    "Look at the kernel's log (dmesg), mend the disk, mount it again and start the broker.",
  ],
  [
    67,
    "storage_slow",
    true,
    "The disk has not delivered the bytes in time; nothing is lost.",
    "Ask again; look at the disk if it stays.",
  ],
  [
    80,
    "group_not_found",
    false,
    "No group of this name has an offset.",
    "See which there are: sluice group list.",
  ],
  [
    81,
    "offset_metadata_too_large",
    false,
    "The metadata beside an offset is above 4096 bytes.",
    "Keep it elsewhere, or shorter.",
  ],
  [
    82,
    "invalid_group_id",
    false,
    "A group has a name of 1 to 255 bytes.",
    "Choose another name.",
  ],
  [
    83,
    "group_loading",
    true,
    "The broker is still loading what the groups have committed.",
    "Ask again in a moment.",
  ],
  [
    84,
    "too_many_offsets",
    false,
    "The groups hold as many offsets as they may: 20000 each, and 256 MiB in all.",
    "Delete groups that nobody uses: sluice group delete NAME.",
  ],
  [
    85,
    "unknown_member",
    false,
    "The group has no such member.",
    "Join the group again; who is no member commits with an empty memberId.",
  ],
  [
    86,
    "illegal_generation",
    false,
    "The group is not in this generation.",
    "Join the group again; who is no member commits with generation -1.",
  ],
] as const;

export type ErrorRow = typeof ROWS[number] | typeof HTTP_ERRORS[number];

/** All rows; those that only one door has at the end. */
export const ERRORS: readonly ErrorRow[] = [...ROWS, ...HTTP_ERRORS];

export type ErrorName = ErrorRow[1];
export type ErrorCode = ErrorRow[0];

/** The code of a name: `ErrorCodes.disk_full` is 61. */
export const ErrorCodes: {
  readonly [N in ErrorName]: Extract<ErrorRow, readonly [number, N, ...unknown[]]>[0];
} = Object.freeze(Object.fromEntries(ERRORS.map((row) => [row[1], row[0]]))) as never;

const ROWS_BY_CODE: ReadonlyMap<number, ErrorRow> = new Map(ERRORS.map((row) => [row[0], row]));

export interface ErrorDescription {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly text: string;
  readonly hint: string;
}

/** What a code means; a code of a newer broker is described as such. */
export function describeError(code: number): ErrorDescription {
  const row = ROWS_BY_CODE.get(code);
  if (row === undefined) {
    const text = `Error ${code}, which this version does not know.`;
    return { code, name: "unknown", retriable: false, text, hint: "Update the client." };
  }
  return { code, name: row[1], retriable: row[2], text: row[3], hint: row[4] };
}
