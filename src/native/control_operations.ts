/**
 * Operations between the main thread and a shard, over the shard's Unix socket in the native
 * protocol. Other listeners answer them with `not_permitted`. They are not part of the public
 * protocol.
 *
 *     client -> shard: create_topic, …   the shard parks the reply under a token
 *     shard  -> main:  postMessage       {kind: "create_topic", token, …}
 *     main   -> shards: add_topic        after the catalogue is durable
 *     main   -> shard: answer            the parked reply goes out
 *
 *     shard  -> main:  postMessage       {kind: "checkpoint", entries}
 *     main   -> shard: log_start         after the checkpoint file is durable, where one rose
 */

import type { Operation, ValueOf } from "./table.ts";

export const CONTROL_OPERATIONS = [
  {
    code: 550,
    name: "add_topic",
    version: 0,
    text: "Opens those partitions of a topic that are not open; answered when all of them are.",
    request: [
      ["name", "string", "Topic name."],
      ["topicId", "uuid", "Identity of the topic."],
      ["partitions", "u32", "Number of partitions."],
      [
        "config",
        [
          ["key", "string", "Name of a setting."],
          ["value", "string", "Its value."],
        ],
        "What was set.",
      ],
      [
        "points",
        [
          ["recoveryPoint", "i64", "Everything below is on disk; -1: unknown."],
          ["logStart", "i64", "First offset; -1: unknown."],
        ],
        "What is known of partition 0, 1, 2 …; of those not listed nothing.",
      ],
    ],
    reply: [],
  },
  {
    code: 551,
    name: "answer",
    version: 0,
    text: "Sends the reply of a request that was parked under a token.",
    request: [
      ["token", "u32", "From the shard's message."],
      ["error", "u16", "Error code, or 0."],
      ["message", "string", "What went wrong, or empty."],
      ["topicId", "uuid", "Of a topic that was created."],
    ],
    reply: [],
  },
  {
    code: 552,
    name: "stop",
    version: 0,
    text: "Drains: no new work, everything written is synced, then the shard leaves its loop.",
    request: [],
    reply: [],
  },
  {
    code: 553,
    name: "remove_topic",
    version: 0,
    text: "Answers all who wait for a topic and lets go of its files; answered when that is done.",
    request: [
      ["name", "string", "Topic name."],
      ["topicId", "uuid", "Identity of the topic: another one of this name stays."],
    ],
    reply: [],
  },
  {
    code: 554,
    name: "log_start",
    version: 0,
    text: "The log start of a partition is durable: nothing below it is shown any more.",
    request: [
      ["topic", "string", "Topic name."],
      ["topicId", "uuid", "Identity of the topic."],
      ["partition", "u32", "From 0."],
      ["offset", "u64", "First offset."],
    ],
    reply: [],
  },
  {
    code: 556,
    name: "change_topic",
    version: 0,
    text: "Gives a topic the settings that the catalogue holds; answered when they are in force.",
    request: [
      ["name", "string", "Topic name."],
      ["topicId", "uuid", "Identity of the topic: another one of this name stays."],
      [
        "config",
        [
          ["key", "string", "Name of a setting."],
          ["value", "string", "Its value."],
        ],
        "All that is set.",
      ],
    ],
    reply: [],
  },
  {
    code: 555,
    name: "producer_ids",
    version: 0,
    text: "A block of producer ids that is durable in the catalogue, or why there is none.",
    request: [
      ["error", "u16", "Error code, or 0."],
      ["message", "string", "What went wrong, or empty."],
      ["first", "u64", "First id of the block."],
      ["count", "u32", "How many ids it has; 0 with an error."],
    ],
    reply: [],
  },
  {
    code: 557,
    name: "apply_config",
    version: 0,
    text: "Puts settings of the broker in force, all of them; answered when that is done.",
    request: [
      [
        "entries",
        [
          ["key", "string", "Name of the setting."],
          ["value", "string", "Its value."],
          ["source", "u8", "As in describe_config."],
          ["changeable", "u8", "As in describe_config."],
          ["text", "string", "What it means."],
        ],
        "Sorted by key.",
      ],
    ],
    reply: [],
  },
] as const;

CONTROL_OPERATIONS satisfies readonly Operation[];

export type ControlName = typeof CONTROL_OPERATIONS[number]["name"];
export type ControlOf<N extends ControlName> = Extract<
  typeof CONTROL_OPERATIONS[number],
  { name: N }
>;
export type ControlRequestOf<N extends ControlName> = ValueOf<ControlOf<N>["request"]>;

/** The row of a control operation. */
export function controlOperation<N extends ControlName>(name: N): ControlOf<N> {
  return CONTROL_OPERATIONS.find((row) => row.name === name) as ControlOf<N>;
}
