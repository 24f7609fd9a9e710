/**
 * Rows of the operations of groups, as agreed, until `native/operations.ts` has them.
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
