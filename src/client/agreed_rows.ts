/**
 * Rows of operations as agreed, until `native/operations.ts` has them.
 */

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
