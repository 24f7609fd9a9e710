/**
 * Rows of operations as agreed, until `native/operations.ts` has them.
 */

export const COMMIT_OFFSETS = {
  code: 303,
  name: "commit_offsets",
  version: 0,
  text: "Commits offsets of a group; answered when durable.",
  request: [
    ["group", "string", ""],
    ["memberId", "string", ""],
    ["generation", "i64", ""],
    ["offsets", [
      ["topic", "string", ""],
      ["partition", "u32", ""],
      ["offset", "u64", ""],
      ["leaderEpoch", "i64", ""],
      ["metadata", "string", ""],
    ], ""],
  ],
  reply: [["results", [["error", "u16", ""]], ""]],
} as const;

export const FETCH_OFFSETS = {
  code: 304,
  name: "fetch_offsets",
  version: 0,
  text: "The offsets that a group has committed.",
  request: [
    ["group", "string", ""],
    ["partitions", [["topic", "string", ""], ["partition", "u32", ""]], ""],
  ],
  reply: [["offsets", [
    ["error", "u16", ""],
    ["topic", "string", ""],
    ["partition", "u32", ""],
    ["offset", "i64", ""],
    ["leaderEpoch", "i64", ""],
    ["metadata", "string", ""],
    ["commitTimestamp", "i64", ""],
  ], ""]],
} as const;

export const INIT_PRODUCER = {
  code: 206,
  name: "init_producer",
  version: 0,
  text: "",
  request: [["transactionalId", "string", ""]],
  reply: [["producerId", "u64", ""], ["producerEpoch", "u16", ""]],
} as const;

export const ALTER_TOPIC = {
  code: 103,
  name: "alter_topic",
  version: 0,
  text: "",
  request: [
    ["name", "string", ""],
    ["set", [["key", "string", ""], ["value", "string", ""]], ""],
    ["unset", [["key", "string", ""]], ""],
  ],
  reply: [],
} as const;

export const ADD_PARTITIONS = {
  code: 104,
  name: "add_partitions",
  version: 0,
  text: "",
  request: [["name", "string", ""], ["partitions", "u32", ""]],
  reply: [],
} as const;

export const DESCRIBE_TOPIC = {
  code: 105,
  name: "describe_topic",
  version: 0,
  text: "",
  request: [["topics", [["name", "string", ""]], ""]],
  reply: [["topics", [
    ["error", "u16", ""],
    ["name", "string", ""],
    ["topicId", "uuid", ""],
    ["cacheHitBytes", "u64", ""],
    ["cacheMissBytes", "u64", ""],
    ["partitions", [
      ["state", "u8", ""],
      ["logStart", "u64", ""],
      ["visibleEnd", "u64", ""],
      ["durableEnd", "u64", ""],
      ["logEnd", "u64", ""],
      ["sizeBytes", "u64", ""],
      ["segments", "u32", ""],
    ], ""],
  ], ""]],
} as const;

export const LIST_GROUPS = {
  code: 400,
  name: "list_groups",
  version: 0,
  text: "",
  request: [["prefix", "string", ""]],
  reply: [["groups", [
    ["group", "string", ""],
    ["state", "string", ""],
    ["offsets", "u32", ""],
  ], ""]],
} as const;

export const DELETE_GROUP = {
  code: 401,
  name: "delete_group",
  version: 0,
  text: "",
  request: [
    ["group", "string", ""],
    ["partitions", [["topic", "string", ""], ["partition", "u32", ""]], ""],
  ],
  reply: [],
} as const;

export const DESCRIBE_CONFIG = {
  code: 501,
  name: "describe_config",
  version: 0,
  text: "",
  request: [],
  reply: [["entries", [
    ["key", "string", ""],
    ["value", "string", ""],
    ["source", "u8", ""],
    ["changeable", "u8", ""],
    ["text", "string", ""],
  ], ""]],
} as const;

export const ALTER_CONFIG = {
  code: 502,
  name: "alter_config",
  version: 0,
  text: "",
  request: [
    ["set", [["key", "string", ""], ["value", "string", ""]], ""],
    ["unset", [["key", "string", ""]], ""],
  ],
  reply: [],
} as const;

export const CONNECTIONS = {
  code: 503,
  name: "connections",
  version: 0,
  text: "",
  request: [],
  reply: [["connections", [
    ["id", "u64", ""],
    ["listener", "string", ""],
    ["peer", "string", ""],
    ["clientName", "string", ""],
    ["sinceMs", "u64", ""],
    ["lastRequestMs", "u64", ""],
    ["requests", "u64", ""],
    ["bytesIn", "u64", ""],
    ["bytesOut", "u64", ""],
  ], ""]],
} as const;

export const CLOSE_CONNECTION = {
  code: 504,
  name: "close_connection",
  version: 0,
  text: "",
  request: [["id", "u64", ""]],
  reply: [],
} as const;
